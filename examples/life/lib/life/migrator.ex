defmodule Life.Migrator do
  @moduledoc """
  Runs the migrations that the store has not seen, oldest first, and says which.

  Each one is written together with its version before the next begins: a failure
  leaves the ones before it done and recorded. Two migrators at once are not
  guarded against here; that is what the lock of a deploy is for.
  """

  alias Life.{Faults, Store}

  @doc "Changes the tables to what the code of this version needs."
  @callback up(tables :: map) :: map

  @doc "Takes the change back."
  @callback down(tables :: map) :: map

  @migrations [
    {20_260_101_000_000, Life.Migrations.CreateCells},
    {20_260_102_000_000, Life.Migrations.AddGeneration}
  ]

  @doc "Runs every migration that is pending and returns their versions."
  @spec migrate() :: [Store.version()]
  def migrate do
    done = Store.read().schema_migrations

    case Enum.reject(@migrations, fn {version, _} -> version in done end) do
      [] -> say("Migrations already up")
      pending -> Enum.each(pending, &run(&1, :up))
    end

    Store.read().schema_migrations -- done
  end

  @doc "Takes back, newest first, every migration down to `version` and that one too."
  @spec rollback(Store.version()) :: [Store.version()]
  def rollback(version) do
    done = Store.read().schema_migrations

    case Enum.filter(@migrations, fn {each, _} -> each >= version and each in done end) do
      [] -> say("Migrations already down")
      applied -> applied |> Enum.reverse() |> Enum.each(&run(&1, :down))
    end

    done -- Store.read().schema_migrations
  end

  defp run({version, module}, direction) do
    say("== Running #{version} #{inspect(module)}.#{direction}/1")
    Faults.during_migration(version)

    {micros, :ok} = :timer.tc(fn -> apply_and_record(version, module, direction) end)

    seconds = :erlang.float_to_binary(micros / 1_000_000, decimals: 1)
    say("== Migrated #{version} in #{seconds}s")
  end

  defp apply_and_record(version, module, direction) do
    store = Store.read()

    versions =
      case direction do
        :up -> Enum.sort([version | store.schema_migrations])
        :down -> List.delete(store.schema_migrations, version)
      end

    Store.write!(%{
      store
      | schema_migrations: versions,
        tables: apply(module, direction, [store.tables])
    })
  end

  defp say(line), do: IO.puts(line)
end
