# frozen_string_literal: true

require 'pstore'

# The guest book. `data` is a link to a shared folder that outlives this release, so both slots use the same book. A PStore locks its file, so any
# number of processes may use it at once.
module Book
  FILE = PStore.new(File.join(__dir__, 'data', 'book.pstore'), true)

  def self.entries
    FILE.transaction(true) { FILE.fetch(:entries, []).last(20).reverse }
  end

  def self.sign(name)
    FILE.transaction { FILE[:entries] = [*FILE.fetch(:entries, []), { name: name, at: Time.now.to_i }] }
  end
end
