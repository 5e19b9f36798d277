import Config

# One line an event, so that a journal or a log file stays easy to search.
config :logger, :console, format: "$time [$level] $message\n"

if config_env() == :test do
  config :logger, level: :warning
end
