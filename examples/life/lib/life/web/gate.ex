defmodule Life.Web.Gate do
  @moduledoc """
  Counts the requests in flight, and once the gate is closed, adds `connection: close`
  to every response.

  It is a Cowboy stream handler because only that covers a whole request, from the
  first byte to the last byte of the response. A WebSocket is no longer counted after
  its upgrade.
  """

  @behaviour :cowboy_stream

  @opaque t :: :atomics.atomics_ref()

  @in_flight 1
  @closing 2

  @spec new() :: t
  def new, do: :atomics.new(2, signed: true)

  @spec close(t) :: :ok
  def close(gate), do: :atomics.put(gate, @closing, 1)

  @spec in_flight(t) :: integer
  def in_flight(gate), do: :atomics.get(gate, @in_flight)

  @impl true
  def init(stream_id, req, %{gate: gate} = opts) do
    :atomics.add(gate, @in_flight, 1)
    {commands, next} = :cowboy_stream.init(stream_id, req, opts)
    {ask_to_close(commands, gate), {gate, next}}
  end

  @impl true
  def data(stream_id, is_fin, data, {gate, next}) do
    {commands, next} = :cowboy_stream.data(stream_id, is_fin, data, next)
    {ask_to_close(commands, gate), {gate, next}}
  end

  @impl true
  def info(stream_id, info, {gate, next}) do
    {commands, next} = :cowboy_stream.info(stream_id, info, next)
    {ask_to_close(commands, gate), {gate, next}}
  end

  @impl true
  def terminate(stream_id, reason, {gate, next}) do
    :cowboy_stream.terminate(stream_id, reason, next)
    :atomics.sub(gate, @in_flight, 1)
  end

  @impl true
  def early_error(stream_id, reason, partial_req, response, opts) do
    :cowboy_stream.early_error(stream_id, reason, partial_req, response, opts)
  end

  defp ask_to_close(commands, gate) do
    if :atomics.get(gate, @closing) == 1, do: Enum.map(commands, &with_close/1), else: commands
  end

  defp with_close({:response, status, headers, body}),
    do: {:response, status, Map.put(headers, "connection", "close"), body}

  defp with_close({:headers, status, headers}),
    do: {:headers, status, Map.put(headers, "connection", "close")}

  defp with_close(command), do: command
end
