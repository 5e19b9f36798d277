defmodule Life.Web do
  @moduledoc """
  The HTTP listener: its routes, and the limits whose defaults in Cowboy would make
  requests fail during a deploy.
  """

  alias Life.Web.{Echo, Gate, Health, Page, Slow, Socket}

  @routes [
    {"/", Page, nil},
    {"/health", Health, nil},
    {"/slow", Slow, nil},
    {"/echo", Echo, nil},
    {"/ws", Socket, nil}
  ]

  @doc "The child spec of a listener. Options: `:name`, `:gate`, `:ip`, `:port`."
  @spec child_spec(keyword) :: Supervisor.child_spec()
  def child_spec(opts) do
    transport = %{
      socket_opts: [ip: opts[:ip], port: opts[:port]],
      # With the default of 1024, connection 1025 would wait silently.
      max_connections: :infinity,
      connection_type: :supervisor
    }

    protocol = %{
      env: %{dispatch: :cowboy_router.compile([{:_, @routes}])},
      stream_handlers: [Gate, :cowboy_stream_h],
      gate: opts[:gate],
      connection_type: :supervisor,
      # The default closes a connection after 100 requests; a request that a proxy has
      # just sent on it would fail.
      max_keepalive: 1_000_000_000,
      # Longer than a proxy's keep-alive timeout (nginx: 60 s), so that the proxy, which
      # sends the requests, closes idle connections.
      request_timeout: 75_000,
      # Also applies while a request is being served, so it must exceed the maximum of /slow.
      idle_timeout: 300_000
    }

    :ranch.child_spec(opts[:name], :ranch_tcp, transport, :cowboy_clear, protocol)
  end

  @doc "Replies, with the slot and the version in headers."
  @spec reply(:cowboy_req.req(), 200..599, String.t(), iodata) :: :cowboy_req.req()
  def reply(req, status, content_type, body) do
    headers = %{
      "content-type" => content_type,
      "cache-control" => "no-store",
      "life-slot" => Life.slot(),
      "life-version" => Life.version()
    }

    :cowboy_req.reply(status, headers, body, req)
  end
end
