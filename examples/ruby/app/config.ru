# frozen_string_literal: true

# Puma reads this file from its working directory.
require_relative 'guests'
run Guests
