defmodule Life.Web.Health do
  @moduledoc """
  Tells a deploy that this copy serves, and which version it is: an old process
  that still holds the port must not pass for the new release.
  """

  @behaviour :cowboy_handler

  @impl true
  def init(req, state) do
    {status, healthy} =
      case Life.Faults.health() do
        :healthy -> {200, true}
        :unhealthy -> {500, false}
      end

    # A version holds no character that JSON would have to escape.
    body = ~s({"healthy":#{healthy},"version":"#{Life.version()}"})
    {:ok, Life.Web.reply(req, status, "application/json", body), state}
  end
end
