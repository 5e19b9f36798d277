# frozen_string_literal: true

Book::FILE[:entries] ||= []
