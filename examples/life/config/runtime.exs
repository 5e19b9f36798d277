import Config

# All settings that differ between slots are read from the environment at start, so
# that both slots can run the same tarball. The README lists the variables.

integer = fn name, default ->
  value = System.get_env(name, default)

  case Integer.parse(value) do
    {number, ""} when number >= 0 -> number
    _ -> raise "#{name} must be a whole number, got: #{inspect(value)}"
  end
end

listen_ip = System.get_env("LISTEN_IP", "127.0.0.1")

ip =
  case :inet.parse_address(String.to_charlist(listen_ip)) do
    {:ok, address} -> address
    {:error, :einval} -> raise "LISTEN_IP must be an IP address, got: #{inspect(listen_ip)}"
  end

# RELEASE_NODE is `green` or `green@host`; bin/life always sets it.
node_name = System.get_env("RELEASE_NODE", "life") |> String.split("@") |> hd()

config :life,
  ip: ip,
  port: integer.("PORT", "4000"),
  slot: System.get_env("SWITCHYARD_SLOT", node_name),
  data: System.get_env("LIFE_DATA", "/var/tmp/life"),
  drain_ms: integer.("LIFE_DRAIN_MS", "30000"),
  fault: System.get_env("LIFE_FAULT", "")

# Keeps the tests apart from the port and the data of a running slot.
if config_env() == :test do
  config :life,
    port: 0,
    data: Path.join(System.tmp_dir!(), "life-test-#{System.pid()}"),
    fault: ""
end
