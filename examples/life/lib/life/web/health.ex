defmodule Life.Web.Health do
  @moduledoc """
  The health check. It includes the version, so that an old process that still holds
  the port is not mistaken for the new release.
  """

  @behaviour :cowboy_handler

  @impl true
  def init(req, state) do
    {status, healthy} =
      case Life.Faults.health() do
        :healthy -> {200, true}
        :unhealthy -> {500, false}
      end

    # A version contains no character that JSON needs to escape.
    body = ~s({"healthy":#{healthy},"version":"#{Life.version()}"})
    {:ok, Life.Web.reply(req, status, "application/json", body), state}
  end
end
