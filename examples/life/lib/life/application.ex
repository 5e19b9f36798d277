defmodule Life.Application do
  @moduledoc """
  Starts the children in the order of their dependencies.

  A supervisor stops its children in reverse order, so `Life.Drain` is last: on
  SIGTERM it is stopped first, while the listener still serves.
  """

  use Application

  alias Life.Web.Gate

  @impl true
  def start(_type, _args) do
    Life.Faults.arm()

    gate = Gate.new()

    children = [
      {Registry, keys: :duplicate, name: Life.Sockets},
      Life.News.scope(),
      Life.News,
      Life.Game,
      {Life.Web, name: Life.Web, gate: gate, ip: env(:ip), port: env(:port)},
      {Life.Drain, listener: Life.Web, gate: gate, limit_ms: env(:drain_ms)}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Life.Supervisor)
  end

  defp env(key), do: Application.fetch_env!(:life, key)
end
