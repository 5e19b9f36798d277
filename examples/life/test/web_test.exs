defmodule Life.WebTest do
  use ExUnit.Case

  import Life.TestClient

  setup do
    %{port: :ranch.get_port(Life.Web)}
  end

  test "health tells the version", %{port: port} do
    version = Life.version()
    answer = get(port, "/health")

    assert answer =~ "HTTP/1.1 200 OK\r\n"
    assert answer =~ "life-version: #{version}\r\n"
    assert answer =~ ~s({"healthy":true,"version":"#{version}"})
  end

  test "the page tells the slot", %{port: port} do
    assert get(port, "/") =~ "slot <strong>#{Life.slot()}</strong>"
  end

  test "slow refuses what is not a time, or too long a one", %{port: port} do
    assert get(port, "/slow?ms=20") =~ "waited 20 ms"
    for ms <- ~w(-1 x 60001), do: assert(get(port, "/slow?ms=#{ms}") =~ "HTTP/1.1 400 ")
  end

  test "echo sends back all of a large body, and refuses one too large", %{port: port} do
    body = :crypto.strong_rand_bytes(8 * 1024 * 1024)
    assert String.ends_with?(post(port, "/echo", body), "\r\n\r\n" <> body)
    assert post(port, "/echo", body <> "x") =~ "HTTP/1.1 413 "
    assert get(port, "/echo") =~ "HTTP/1.1 405 "
  end

  test "a connection lives for more than Cowboy's hundred requests", %{port: port} do
    socket = connect(port)

    for _ <- 1..250 do
      :ok = :gen_tcp.send(socket, "GET /health HTTP/1.1\r\nhost: test\r\n\r\n")
      assert {:ok, answer} = :gen_tcp.recv(socket, 0, 5_000)
      refute answer =~ "connection: close"
    end
  end
end
