defmodule Life.Game do
  @moduledoc """
  Plays the game, one generation per second, starting from the store's contents at boot.

  The game in memory belongs to the slot and is never written back: both slots
  share one store, and the idle slot must not change what the live one reads.
  """

  use GenServer

  require Logger

  alias Life.{Board, Store}

  @tick_ms 1_000

  # Shown while no migration has run, so that the page works after a first deploy.
  @glider [{1, 0}, {2, 1}, {0, 2}, {1, 2}, {2, 2}]

  @spec start_link(term) :: GenServer.on_start()
  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc "The board and the number of its generation."
  @spec current() :: {Board.t(), non_neg_integer}
  def current, do: GenServer.call(__MODULE__, :current)

  @impl true
  def init(nil) do
    :timer.send_interval(@tick_ms, :tick)
    {:ok, load()}
  end

  @impl true
  def handle_call(:current, _from, game), do: {:reply, game, game}

  @impl true
  def handle_info(:tick, {board, generation}), do: {:noreply, {Board.next(board), generation + 1}}

  defp load do
    case Store.read().tables do
      %{cells: cells} = tables ->
        {Board.new(cells), Map.get(tables, :generation, 0)}

      %{} ->
        Logger.warning("the store has no cells yet: run Life.Release.migrate()")
        {Board.new(@glider), 0}
    end
  end
end
