defmodule Life.Drain do
  @moduledoc """
  Takes the application out of service without interrupting clients.

  The supervisor stops it first. It then, in this order,

  1. stops accepting connections,
  2. lets the requests in flight finish, and closes each connection after its response,
  3. closes the WebSockets with code 1001 (going away) in batches, so that their
     clients do not all reconnect at the same moment.

  `:limit_ms` is the timeout of the second step, so that a hanging request cannot
  block a stop forever.
  """

  use GenServer

  require Logger

  alias Life.Web.Gate

  @batch 50
  @pause_ms 100
  @goodbye_ms 5_000
  @poll_ms 20

  @type option ::
          {:listener, :ranch.ref()} | {:gate, Gate.t()} | {:limit_ms, non_neg_integer}

  @doc false
  def child_spec(opts) do
    # Each step has its own timeout, and logs what is left when it expires.
    %{id: __MODULE__, start: {__MODULE__, :start_link, [opts]}, shutdown: :infinity}
  end

  @spec start_link([option]) :: GenServer.on_start()
  def start_link(opts), do: GenServer.start_link(__MODULE__, Map.new(opts))

  @impl true
  def init(opts) do
    # Without this, terminate/2 is not called when the supervisor stops us.
    Process.flag(:trap_exit, true)
    {:ok, opts}
  end

  @impl true
  def terminate(_reason, %{listener: listener, gate: gate, limit_ms: limit_ms}) do
    Gate.close(gate)
    :ok = :ranch.suspend_listener(listener)

    unless wait_until(fn -> Gate.in_flight(gate) == 0 end, limit_ms) do
      Logger.warning("drain: #{Gate.in_flight(gate)} requests still in flight at the limit")
    end

    Life.Sockets |> Registry.lookup(:all) |> Enum.map(&elem(&1, 0)) |> say_goodbye()

    unless wait_until(fn -> Registry.count(Life.Sockets) == 0 end, @goodbye_ms) do
      Logger.warning("drain: #{Registry.count(Life.Sockets)} WebSockets still open at the limit")
    end
  end

  defp say_goodbye([]), do: :ok

  defp say_goodbye(pids) do
    {batch, rest} = Enum.split(pids, @batch)
    Enum.each(batch, &send(&1, :going_away))
    if rest != [], do: Process.sleep(@pause_ms)
    say_goodbye(rest)
  end

  defp wait_until(done?, left_ms) do
    cond do
      done?.() ->
        true

      left_ms <= 0 ->
        false

      true ->
        Process.sleep(@poll_ms)
        wait_until(done?, left_ms - @poll_ms)
    end
  end
end
