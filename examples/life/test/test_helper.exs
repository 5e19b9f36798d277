# The data folder is named after this VM's pid, so it is removed at the end.
ExUnit.after_suite(fn _ -> File.rm_rf!(Application.fetch_env!(:life, :data)) end)
ExUnit.start()
