defmodule Life.TestClient do
  @moduledoc """
  A raw TCP client. The tests check when and how a connection ends, which an HTTP
  client would hide.
  """

  @spec connect(:inet.port_number()) :: :gen_tcp.socket()
  def connect(port) do
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false])
    socket
  end

  @spec get(:inet.port_number(), String.t()) :: binary
  def get(port, path), do: request(port, "GET", path, "")

  @spec post(:inet.port_number(), String.t(), binary) :: binary
  def post(port, path, body), do: request(port, "POST", path, body)

  @doc "Opens a WebSocket and returns its connection after the upgrade."
  @spec websocket(:inet.port_number()) :: :gen_tcp.socket()
  def websocket(port) do
    socket = connect(port)

    :ok =
      :gen_tcp.send(socket, [
        "GET /ws HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n",
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
      ])

    {:ok, "HTTP/1.1 101 " <> _} = :gen_tcp.recv(socket, 0, 5_000)
    socket
  end

  @doc "Reads until the other side closes the connection."
  @spec read_all(:gen_tcp.socket()) :: {:ok, binary} | {:error, term}
  def read_all(socket), do: read_all(socket, [])

  @spec wait_until((() -> boolean), non_neg_integer) :: :ok
  def wait_until(done?, tries \\ 250) do
    cond do
      done?.() -> :ok
      tries == 0 -> raise "waited in vain"
      true -> Process.sleep(20) && wait_until(done?, tries - 1)
    end
  end

  defp request(port, method, path, body) do
    socket = connect(port)

    head =
      "#{method} #{path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n" <>
        "content-length: #{byte_size(body)}\r\n\r\n"

    :ok = :gen_tcp.send(socket, [head, body])
    {:ok, answer} = read_all(socket)
    answer
  end

  defp read_all(socket, parts) do
    case :gen_tcp.recv(socket, 0, 5_000) do
      {:ok, part} -> read_all(socket, [parts, part])
      {:error, :closed} -> {:ok, IO.iodata_to_binary(parts)}
      {:error, reason} -> {:error, reason}
    end
  end
end
