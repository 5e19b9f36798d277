defmodule Life.Board do
  @moduledoc """
  The rules of the game as pure functions: a board is the set of its living cells.

  The edges wrap around (a torus), so that a glider never leaves the board and the
  page keeps changing however long a slot runs.
  """

  @width 48
  @height 24

  @type cell :: {x :: non_neg_integer, y :: non_neg_integer}
  @type t :: MapSet.t(cell)

  @doc "A board with the given living cells."
  @spec new([cell]) :: t
  def new(cells), do: MapSet.new(cells)

  @doc "The next generation: born with three neighbours, alive with two or three."
  @spec next(t) :: t
  def next(board) do
    for {cell, count} <- neighbour_counts(board),
        count == 3 or (count == 2 and MapSet.member?(board, cell)),
        into: MapSet.new(),
        do: cell
  end

  @doc "The board as lines of text."
  @spec to_text(t) :: String.t()
  def to_text(board) do
    Enum.map_join(0..(@height - 1), "\n", fn y ->
      Enum.map_join(0..(@width - 1), fn x ->
        if MapSet.member?(board, {x, y}), do: "●", else: "·"
      end)
    end)
  end

  # Only cells with a living neighbour can live in the next generation, so only the
  # neighbours of living cells are visited.
  defp neighbour_counts(board) do
    Enum.frequencies(
      for {x, y} <- board,
          dx <- -1..1,
          dy <- -1..1,
          {dx, dy} != {0, 0},
          do: {Integer.mod(x + dx, @width), Integer.mod(y + dy, @height)}
    )
  end
end
