defmodule Life do
  @moduledoc """
  Conway's Game of Life, served over HTTP: a small application that behaves like
  a real one where a deploy can see it.

  It boots, answers for its health, serves slow requests and WebSockets, has
  migrations, and goes away in an orderly way when it is told to.
  """

  @doc "The version of the release; `mix.exs` is the only place where it is written."
  @spec version() :: String.t()
  def version, do: :life |> Application.spec(:vsn) |> to_string()

  @doc "The name of the slot that this copy runs in, such as `blue`."
  @spec slot() :: String.t()
  def slot, do: Application.fetch_env!(:life, :slot)
end
