defmodule Life.Store do
  @moduledoc """
  What a database is to other applications: one file of terms that people can read.

  A write makes a new file and renames it over the old one. So a reader in the
  other slot sees the old content or the new, never half of it, and nobody holds a
  lock while the application runs.
  """

  @type version :: pos_integer
  @type t :: %{schema_migrations: [version], tables: map}

  @empty %{schema_migrations: [], tables: %{}}

  @doc "What the store holds; a store that nobody has written yet is empty."
  @spec read() :: t
  def read do
    case :file.consult(path()) do
      {:ok, [store]} -> store
      {:error, :enoent} -> @empty
      {:error, reason} -> raise "cannot read #{path()}: #{:file.format_error(reason)}"
    end
  end

  @doc "Replaces what the store holds."
  @spec write!(t) :: :ok
  def write!(store) do
    File.mkdir_p!(Path.dirname(path()))
    draft = "#{path()}.#{System.pid()}"
    File.write!(draft, :io_lib.format("~tp.~n", [store]), [:sync])
    File.rename!(draft, path())
  end

  defp path, do: Path.join(Application.fetch_env!(:life, :data), "store.term")
end
