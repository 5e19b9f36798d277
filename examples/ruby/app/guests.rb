# frozen_string_literal: true

require 'json'
require 'sinatra/base'
require_relative 'book'

# GET / lists the latest guests, POST /guests adds one.
class Guests < Sinatra::Base
  RELEASE = File.read(File.join(__dir__, 'VERSION')).strip
  SLOT = ENV.fetch('SWITCHYARD_SLOT', 'none')

  before do
    content_type :json
    headers 'app-version' => RELEASE, 'app-slot' => SLOT
  end

  get('/health') { { version: RELEASE }.to_json }

  get('/') { { guests: Book.entries.map { |entry| entry[:name] } }.to_json }

  post '/guests' do
    Book.sign(request.body.read(200).to_s.force_encoding('UTF-8').scrub)
    status 201
  end

  # Slow responses and large bodies show that a switch or a stop loses nothing that is in flight.
  get '/slow' do
    sleep [params.fetch('ms', 1500).to_i, 10_000].min / 1000.0
    { slept: true }.to_json
  end

  post('/echo') { request.body.read }
end
