defmodule Life.Migrations.CreateCells do
  @moduledoc "The initial cells: Gosper's glider gun."

  @behaviour Life.Migrator

  @gun """
  ........................O
  ......................O.O
  ............OO......OO............OO
  ...........O...O....OO............OO
  OO........O.....O...OO
  OO........O...O.OO....O.O
  ..........O.....O.......O
  ...........O...O
  ............OO
  """

  @impl true
  def up(tables), do: Map.put(tables, :cells, cells())

  @impl true
  def down(tables), do: Map.delete(tables, :cells)

  defp cells do
    for {line, y} <- @gun |> String.split("\n") |> Enum.with_index(),
        {"O", x} <- line |> String.graphemes() |> Enum.with_index(),
        do: {x, y}
  end
end
