defmodule Life.DrainTest do
  use ExUnit.Case

  import ExUnit.CaptureLog
  import Life.TestClient

  alias Life.Web.Gate

  # Uses a separate listener, because draining the application's listener would break the other tests.
  defp serve(limit_ms) do
    gate = Gate.new()
    listener = {:drain_test, make_ref()}
    start_supervised!({Life.Web, name: listener, gate: gate, ip: {127, 0, 0, 1}, port: 0})
    drain = {Life.Drain, listener: listener, gate: gate, limit_ms: limit_ms}
    pid = start_supervised!(drain, restart: :temporary)
    %{gate: gate, port: :ranch.get_port(listener), drain: pid}
  end

  defp begin(drain), do: Task.async(fn -> GenServer.stop(drain) end)

  test "a request in flight finishes, its connection is told to close, new ones are refused" do
    %{gate: gate, port: port, drain: drain} = serve(5_000)
    socket = connect(port)
    :ok = :gen_tcp.send(socket, "GET /slow?ms=400 HTTP/1.1\r\nhost: test\r\n\r\n")
    wait_until(fn -> Gate.in_flight(gate) == 1 end)

    draining = begin(drain)
    wait_until(fn -> :gen_tcp.connect({127, 0, 0, 1}, port, []) == {:error, :econnrefused} end)
    assert Gate.in_flight(gate) == 1

    assert {:ok, answer} = read_all(socket)
    assert answer =~ "HTTP/1.1 200 OK\r\n"
    assert answer =~ "connection: close\r\n"
    assert answer =~ "waited 400 ms"
    assert Task.await(draining) == :ok
    assert Gate.in_flight(gate) == 0
  end

  test "every WebSocket is closed with 1001, in more than one batch" do
    %{gate: gate, port: port, drain: drain} = serve(5_000)
    sockets = for _ <- 1..120, do: websocket(port)
    wait_until(fn -> Registry.count(Life.Sockets) == 120 end)
    assert Gate.in_flight(gate) == 0

    {micros, :ok} = :timer.tc(fn -> Task.await(begin(drain)) end)

    for socket <- sockets do
      assert {:ok, <<0x88, 12, 1001::16, "going away">>} = read_all(socket)
    end

    assert micros >= 200_000, "three batches have two pauses of 100 ms between them"
  end

  test "a request that hangs holds the drain no longer than the limit" do
    %{gate: gate, port: port, drain: drain} = serve(100)
    socket = connect(port)
    :ok = :gen_tcp.send(socket, "GET /slow?ms=60000 HTTP/1.1\r\nhost: test\r\n\r\n")
    wait_until(fn -> Gate.in_flight(gate) == 1 end)

    assert capture_log(fn -> Task.await(begin(drain), 2_000) end) =~
             "drain: 1 requests still in flight at the limit"
  end
end
