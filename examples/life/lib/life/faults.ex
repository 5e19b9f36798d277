defmodule Life.Faults do
  @moduledoc """
  FOR TESTS ONLY: makes this application misbehave, to test a deploy tool. All of
  it is in this module, and off unless `LIFE_FAULT` is set.

  | `LIFE_FAULT` | what goes wrong |
  | --- | --- |
  | `exit_at_boot` | the application raises while it starts |
  | `exit_after_ms:5000` | the VM exits with status 1 after that many milliseconds |
  | `health_500` | `/health` answers 500 |
  | `health_flaps` | `/health` answers 200 and 500 alternately |
  | `health_hangs` | `/health` never answers |
  | `ignore_sigterm` | SIGTERM is ignored |
  | `migration_fails` | the first pending migration raises |
  """

  @plain ~w(exit_at_boot health_500 health_flaps health_hangs ignore_sigterm migration_fails)

  @type fault :: nil | {:exit_after_ms, non_neg_integer} | atom

  @doc "Parses `LIFE_FAULT`. Raises for an unknown name, since a test would otherwise run without its fault."
  @spec parse(String.t()) :: fault
  def parse(""), do: nil
  def parse("exit_after_ms:" <> ms), do: {:exit_after_ms, String.to_integer(ms)}
  def parse(name) when name in @plain, do: String.to_atom(name)
  def parse(name), do: raise(ArgumentError, "LIFE_FAULT does not know #{inspect(name)}")

  @doc "Called once while the application starts."
  @spec arm() :: :ok
  def arm do
    case fault() do
      :exit_at_boot -> raise "LIFE_FAULT=exit_at_boot"
      :ignore_sigterm -> :os.set_signal(:sigterm, :ignore)
      {:exit_after_ms, ms} -> spawn(fn -> halt_after(ms) end)
      _ -> :ok
    end

    :ok
  end

  @doc "Called before each migration."
  @spec during_migration(Life.Store.version()) :: :ok
  def during_migration(version) do
    if fault() == :migration_fails, do: raise("LIFE_FAULT=migration_fails in #{version}")
    :ok
  end

  @doc "Called for each health check: returns the result, or never returns."
  @spec health() :: :healthy | :unhealthy
  def health do
    case fault() do
      :health_500 -> :unhealthy
      :health_flaps -> if rem(count_health_check(), 2) == 0, do: :healthy, else: :unhealthy
      :health_hangs -> Process.sleep(:infinity)
      _ -> :healthy
    end
  end

  defp fault, do: :life |> Application.fetch_env!(:fault) |> parse()

  defp halt_after(ms) do
    Process.sleep(ms)
    IO.puts(:stderr, "LIFE_FAULT=exit_after_ms:#{ms}")
    System.halt(1)
  end

  # Not atomic: two concurrent checks may read the same number, which does not matter here.
  defp count_health_check do
    count = :persistent_term.get(__MODULE__, 0)
    :persistent_term.put(__MODULE__, count + 1)
    count
  end
end
