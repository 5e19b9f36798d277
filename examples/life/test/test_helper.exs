# Left by nobody: the data folder is named after this VM, and goes with it.
ExUnit.after_suite(fn _ -> File.rm_rf!(Application.fetch_env!(:life, :data)) end)
ExUnit.start()
