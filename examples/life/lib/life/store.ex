defmodule Life.Store do
  @moduledoc """
  Stands in for a database: one human-readable file of Erlang terms.

  A write creates a new file and renames it over the old one, so a reader in the
  other slot sees either the old or the new content, without any locking.
  """

  @type version :: pos_integer
  @type t :: %{schema_migrations: [version], tables: map}

  @empty %{schema_migrations: [], tables: %{}}

  @doc "The contents of the store; empty if it was never written."
  @spec read() :: t
  def read do
    case :file.consult(path()) do
      {:ok, [store]} -> store
      {:error, :enoent} -> @empty
      {:error, reason} -> raise "cannot read #{path()}: #{:file.format_error(reason)}"
    end
  end

  @doc "Replaces the contents of the store."
  @spec write!(t) :: :ok
  def write!(store) do
    File.mkdir_p!(Path.dirname(path()))
    draft = "#{path()}.#{System.pid()}"
    File.write!(draft, :io_lib.format("~tp.~n", [store]), [:sync])
    File.rename!(draft, path())
  end

  defp path, do: Path.join(Application.fetch_env!(:life, :data), "store.term")
end
