defmodule Life.Release do
  @moduledoc """
  Functions for operators, called through `bin/life eval` and `bin/life rpc`, since a release has no Mix.

      bin/life eval 'Life.Release.migrate()'
      bin/life eval 'Life.Release.rollback(20260102000000)'
      bin/life rpc 'Life.Release.env_digest("DATABASE_URL")'

  `eval` starts neither the application nor its listener, so migrations can run
  while a slot is serving.
  """

  @doc "Runs the pending migrations. Raises if one fails, so that `eval` exits with status 1."
  @spec migrate() :: [Life.Store.version()]
  def migrate do
    load()
    Life.Migrator.migrate()
  end

  @doc "Reverts the migrations down to and including `version`."
  @spec rollback(Life.Store.version()) :: [Life.Store.version()]
  def rollback(version) do
    load()
    Life.Migrator.rollback(version)
  end

  @doc """
  Prints the SHA-256 of an environment variable as the application sees it, or `unset`.

  A digest proves that a value arrived unchanged without revealing it.
  """
  @spec env_digest(String.t()) :: :ok
  def env_digest(name) do
    case System.fetch_env(name) do
      {:ok, value} -> :crypto.hash(:sha256, value) |> Base.encode16(case: :lower) |> IO.puts()
      :error -> IO.puts("unset")
    end
  end

  defp load, do: Application.load(:life)
end
