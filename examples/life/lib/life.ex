defmodule Life do
  @moduledoc """
  Conway's Game of Life, served over HTTP: a small application with everything that
  a deploy has to handle.

  It takes time to boot, has a health check, serves slow requests and WebSockets,
  has migrations, and shuts down gracefully on SIGTERM.
  """

  @doc "The version of the release, defined only in `mix.exs`."
  @spec version() :: String.t()
  def version, do: :life |> Application.spec(:vsn) |> to_string()

  @doc "The name of the slot that this instance runs in, such as `blue`."
  @spec slot() :: String.t()
  def slot, do: Application.fetch_env!(:life, :slot)
end
