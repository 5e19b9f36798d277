defmodule Life.Web do
  @moduledoc """
  The HTTP listener: its routes, and the limits in which Cowboy's defaults would
  show up as failures of a deploy.
  """

  alias Life.Web.{Echo, Gate, Health, Page, Slow, Socket}

  @routes [
    {"/", Page, nil},
    {"/health", Health, nil},
    {"/slow", Slow, nil},
    {"/echo", Echo, nil},
    {"/ws", Socket, nil}
  ]

  @doc "A listener as a child of a supervisor. Options: `:name`, `:gate`, `:ip`, `:port`."
  @spec child_spec(keyword) :: Supervisor.child_spec()
  def child_spec(opts) do
    transport = %{
      socket_opts: [ip: opts[:ip], port: opts[:port]],
      # The default of 1024 would leave connection 1025 waiting without a word.
      max_connections: :infinity,
      connection_type: :supervisor
    }

    protocol = %{
      env: %{dispatch: :cowboy_router.compile([{:_, @routes}])},
      stream_handlers: [Gate, :cowboy_stream_h],
      gate: opts[:gate],
      connection_type: :supervisor,
      # The default closes a connection after 100 requests, and a proxy that has just
      # sent its next one sees a failure.
      max_keepalive: 1_000_000_000,
      # Longer than a proxy keeps an idle connection (nginx: 60 s): the side that also
      # sends is the one that should close.
      request_timeout: 75_000,
      # Counts while a request is being served, too, so it must be longer than /slow can be.
      idle_timeout: 300_000
    }

    :ranch.child_spec(opts[:name], :ranch_tcp, transport, :cowboy_clear, protocol)
  end

  @doc "Replies, and says which slot and version it was that replied."
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
