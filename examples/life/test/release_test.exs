defmodule Life.ReleaseTest do
  use ExUnit.Case

  import ExUnit.CaptureIO

  alias Life.{Release, Store}

  @create_cells 20_260_101_000_000
  @add_generation 20_260_102_000_000

  setup do
    data = Application.fetch_env!(:life, :data)
    File.rm_rf!(data)

    on_exit(fn ->
      File.rm_rf!(data)
      Application.put_env(:life, :fault, "")
    end)
  end

  test "migrate runs every migration in order, and says so" do
    {versions, output} = with_io(fn -> Release.migrate() end)

    assert versions == [@create_cells, @add_generation]

    assert output =~ ~r"""
           == Running 20260101000000 Life.Migrations.CreateCells.up/1
           == Migrated 20260101000000 in \d+\.\ds
           == Running 20260102000000 Life.Migrations.AddGeneration.up/1
           == Migrated 20260102000000 in \d+\.\ds
           """

    assert %{schema_migrations: ^versions, tables: %{cells: [_ | _], generation: 0}} =
             Store.read()
  end

  test "migrate a second time changes nothing" do
    capture_io(fn -> Release.migrate() end)
    before = Store.read()

    assert with_io(fn -> Release.migrate() end) == {[], "Migrations already up\n"}
    assert Store.read() == before
  end

  test "rollback takes back the newest down to a version, and migrate brings it again" do
    capture_io(fn -> Release.migrate() end)

    {versions, output} = with_io(fn -> Release.rollback(@add_generation) end)
    assert versions == [@add_generation]
    assert output =~ "== Running 20260102000000 Life.Migrations.AddGeneration.down/1\n"
    assert Store.read().schema_migrations == [@create_cells]
    refute Map.has_key?(Store.read().tables, :generation)

    assert {[@add_generation], _} = with_io(fn -> Release.migrate() end)
    assert {[@create_cells, @add_generation], _} = with_io(fn -> Release.rollback(1) end)
    assert Store.read() == %{schema_migrations: [], tables: %{}}
    assert {[], "Migrations already down\n"} = with_io(fn -> Release.rollback(1) end)
  end

  test "a migration that fails raises and leaves the store as it was" do
    capture_io(fn -> Release.migrate() end)
    capture_io(fn -> Release.rollback(@add_generation) end)
    before = Store.read()
    Application.put_env(:life, :fault, "migration_fails")

    assert_raise RuntimeError, ~r/migration_fails in 20260102000000/, fn ->
      capture_io(fn -> Release.migrate() end)
    end

    assert Store.read() == before
  end

  test "env_digest tells a digest and never the value" do
    value = "a$b `c` \"d\" 'e' # ü\nz"
    System.put_env("LIFE_TEST_SECRET", value)
    expected = :crypto.hash(:sha256, value) |> Base.encode16(case: :lower)

    assert capture_io(fn -> Release.env_digest("LIFE_TEST_SECRET") end) == expected <> "\n"
    assert capture_io(fn -> Release.env_digest("LIFE_TEST_NOT_SET") end) == "unset\n"
  end
end
