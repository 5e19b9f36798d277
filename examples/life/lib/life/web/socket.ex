defmodule Life.Web.Socket do
  @moduledoc "A WebSocket that echoes, gets the news, and is closed with code 1001 at a stop."

  @behaviour :cowboy_websocket

  # Cowboy's default of a minute would close idle clients.
  @options %{idle_timeout: 600_000, max_frame_size: 8 * 1024 * 1024}

  @impl true
  def init(req, state), do: {:cowboy_websocket, req, state, @options}

  @impl true
  def websocket_init(state) do
    {:ok, _} = Registry.register(Life.Sockets, :all, nil)
    {[], state}
  end

  @impl true
  def websocket_handle({kind, data}, state) when kind in [:text, :binary],
    do: {[{kind, data}], state}

  # Cowboy answers pings itself.
  def websocket_handle(_control, state), do: {[], state}

  @impl true
  def websocket_info(:going_away, state), do: {[{:close, 1001, "going away"}], state}
  def websocket_info({:news, text}, state), do: {[{:text, text}], state}
  def websocket_info(_message, state), do: {[], state}
end
