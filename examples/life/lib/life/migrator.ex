defmodule Life.Migrator do
  @moduledoc """
  Runs the pending migrations, oldest first, and prints each.

  The result of each is written together with its version before the next one
  starts, so a failure leaves the earlier ones done and recorded. There is no
  protection against concurrent migrators: the lock of a deploy provides that.
  """

  alias Life.{Faults, Store}

  @doc "Changes the tables to the form that this version needs."
  @callback up(tables :: map) :: map

  @doc "Reverts the change."
  @callback down(tables :: map) :: map

  @migrations [
    {20_260_101_000_000, Life.Migrations.CreateCells},
    {20_260_102_000_000, Life.Migrations.AddGeneration}
  ]

  @doc "Runs all pending migrations and returns their versions."
  @spec migrate() :: [Store.version()]
  def migrate do
    done = Store.read().schema_migrations

    case Enum.reject(@migrations, fn {version, _} -> version in done end) do
      [] -> say("Migrations already up")
      pending -> Enum.each(pending, &run(&1, :up))
    end

    Store.read().schema_migrations -- done
  end

  @doc "Reverts the migrations down to and including `version`, newest first."
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
