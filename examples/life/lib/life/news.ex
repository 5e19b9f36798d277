defmodule Life.News do
  @moduledoc """
  Sends a text to all WebSockets: those of this slot, and those of the other one if the
  nodes of both are connected (`beam({ cluster: true })` in the Taskfile).

  It uses a process group, `:pg`, in the way of Phoenix.PubSub: one process of each node
  is a member, and passes a message on to the clients of its own node.
  """

  use GenServer

  # Its name has a version, because both slots must understand it although their releases differ.
  @message :news_1

  @spec start_link(term) :: GenServer.on_start()
  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil)

  @doc "The child spec of the process group; it must start before this module's process."
  @spec scope() :: Supervisor.child_spec()
  def scope, do: %{id: :pg, start: {:pg, :start_link, [__MODULE__]}}

  @doc "Returns the number of nodes that the text was sent to."
  @spec broadcast(String.t()) :: non_neg_integer
  def broadcast(text) do
    members = :pg.get_members(__MODULE__, :all)
    Enum.each(members, &send(&1, {@message, text}))
    length(members)
  end

  @impl true
  def init(nil) do
    :ok = :pg.join(__MODULE__, :all, self())
    {:ok, nil}
  end

  @impl true
  def handle_info({@message, text}, state) do
    for {pid, _} <- Registry.lookup(Life.Sockets, :all), do: send(pid, {:news, text})
    {:noreply, state}
  end

  # A newer release in the other slot may know more messages.
  def handle_info(_message, state), do: {:noreply, state}
end
