defmodule Life.FaultsTest do
  use ExUnit.Case

  alias Life.Faults

  setup do
    on_exit(fn -> Application.put_env(:life, :fault, "") end)
  end

  test "nothing goes wrong unless it is asked for" do
    assert Faults.parse("") == nil
    assert Faults.arm() == :ok
    assert Faults.health() == :healthy
  end

  test "a fault that is not known is refused" do
    assert Faults.parse("exit_after_ms:5000") == {:exit_after_ms, 5000}
    assert_raise ArgumentError, ~r/"helth_500"/, fn -> Faults.parse("helth_500") end
  end

  test "health fails always, or every other time" do
    Application.put_env(:life, :fault, "health_500")
    assert Faults.health() == :unhealthy

    Application.put_env(:life, :fault, "health_flaps")
    assert [first, second, first, second] = for(_ <- 1..4, do: Faults.health())
    assert Enum.sort([first, second]) == [:healthy, :unhealthy]
  end
end
