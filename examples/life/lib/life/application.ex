defmodule Life.Application do
  @moduledoc """
  Starts the parts in the order in which they need each other.

  A supervisor stops its children in reverse, so `Life.Drain` stands last: it is
  the first to hear of a SIGTERM, while the listener still serves.
  """

  use Application

  alias Life.Web.Gate

  @impl true
  def start(_type, _args) do
    Life.Faults.arm()

    gate = Gate.new()

    children = [
      {Registry, keys: :duplicate, name: Life.Sockets},
      Life.Game,
      {Life.Web, name: Life.Web, gate: gate, ip: env(:ip), port: env(:port)},
      {Life.Drain, listener: Life.Web, gate: gate, limit_ms: env(:drain_ms)}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Life.Supervisor)
  end

  defp env(key), do: Application.fetch_env!(:life, key)
end
