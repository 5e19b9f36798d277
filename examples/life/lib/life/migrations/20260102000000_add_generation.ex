defmodule Life.Migrations.AddGeneration do
  @moduledoc """
  Adds the generation number of the cells.

  It only adds data, so the previous version can still read the store while both
  slots run. Every migration must allow that for a switch without downtime.
  """

  @behaviour Life.Migrator

  @impl true
  def up(tables), do: Map.put(tables, :generation, 0)

  @impl true
  def down(tables), do: Map.delete(tables, :generation)
end
