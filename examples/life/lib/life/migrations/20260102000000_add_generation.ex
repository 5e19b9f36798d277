defmodule Life.Migrations.AddGeneration do
  @moduledoc """
  The number of the generation that the cells stand for.

  It only adds: the version before this one goes on reading the same store while
  both slots run, which is what a migration must allow if traffic moves without a stop.
  """

  @behaviour Life.Migrator

  @impl true
  def up(tables), do: Map.put(tables, :generation, 0)

  @impl true
  def down(tables), do: Map.delete(tables, :generation)
end
