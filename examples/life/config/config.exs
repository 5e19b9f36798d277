import Config

# One line per event, so that logs are easy to search.
config :logger, :console, format: "$time [$level] $message\n"

if config_env() == :test do
  config :logger, level: :warning
end
