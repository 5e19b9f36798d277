# frozen_string_literal: true

# Runs each file of migrations/ once, in name order. Each runs in one transaction, which also records it as done.
require_relative 'book'

$stdout.sync = true
Dir[File.join(__dir__, 'migrations', '*.rb')].sort.each do |file|
  name = File.basename(file)
  Book::FILE.transaction do
    done = Book::FILE.fetch(:migrations, [])
    next if done.include?(name)

    puts "#{name} ..."
    load file
    Book::FILE[:migrations] = [*done, name]
  end
end
puts 'The guest book is up to date.'
