lock "~> 3.17"
set :application, "life"
set :deploy_to, "/home/vagrant/capistrano"
set :tarball, ENV.fetch("LIFE_TARBALL")
set :version, ENV.fetch("LIFE_VERSION")
set :keep_releases, 5
set :format_options, log_file: ENV.fetch("CAP_LOG")
