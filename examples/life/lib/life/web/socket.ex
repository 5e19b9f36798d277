defmodule Life.Web.Socket do
  @moduledoc "A WebSocket that echoes, and that says goodbye when the application goes away."

  @behaviour :cowboy_websocket

  # Cowboy's default of a minute would close a quiet client that did nothing wrong.
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

  # Cowboy has answered a ping already.
  def websocket_handle(_control, state), do: {[], state}

  @impl true
  def websocket_info(:going_away, state), do: {[{:close, 1001, "going away"}], state}
  def websocket_info(_message, state), do: {[], state}
end
