package tools

import (
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing/cmdline"
	"github.com/cachex-cli/cachex/hashing/env"
)

// Version is that of the table below: a fact of each recipe for which it was looked at. Whoever changes what is in
// the table, in what plain.go says of its programs, or what Noise leaves out of it, gives it another one.
const Version = "1"

// tool is a program, or a family of programs, with the environment variables that change what it prints. An input too
// many costs a needless miss and one too few a wrong hit, so a prefix that a tool has to itself stands for all that
// begin so, of whatever version of the tool.
type tool struct {
	name      string // @name asks for it
	programs  string // the names of its programs; python stands for python3.12, too
	variables string // names, and beginnings of names: GO*
	source    string // where its documentation says so

	plain  string                            // programs of which plain.go says what an observed run of them depends on
	parts  string                            // others that those start
	places string                            // where they are besides among the system's programs: beginnings of paths
	code   func(argv, environ []string) bool // they are told to run code of their user; nil: they never are
	also   string                            // variables that they ask for besides, without effect on what most print
}

// Tools that no program stands for.
const (
	Common = "common" // in the key of every command
	Path   = "path"   // in the key where a shell searches it
	Known  = "known"  // all of them but path, which says where programs are and not what they do
	None   = "none"   // what a user says who wants none that he has not named
)

// Mark begins the name of a tool among those of variables.
const Mark = "@"

// tools is the table. LANG, TZ and their like are in every key and need not stand here again.
var tools = [...]tool{
	{
		name:      Common,
		variables: "COLUMNS LANG LANGUAGE LC_* LINES TZ",
		source: "environ(7), locale(7), " +
			"https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html",
	},
	{name: Path, variables: "PATH", source: "execvp(3)"},

	// Shells, and what is always there.
	{
		name: "sh", programs: "sh bash dash ash ksh mksh zsh fish",
		variables: "BASHOPTS BASH_COMPAT BASH_ENV BASH_FUNC_* CDPATH ENV EXECIGNORE GLOBIGNORE " +
			"POSIXLY_CORRECT PS4 SHELLOPTS ZDOTDIR fish_*",
		source: "bash(1), dash(1), zshparam(1), " +
			"https://fishshell.com/docs/current/language.html#special-variables",
	},
	{
		name: "coreutils",
		programs: "ls dir vdir df du sort uniq head tail touch od pr date stat echo printf nice id tr cp mv wc " +
			"expand unexpand fold cut join paste nl tac seq dircolors",
		variables: "BLOCKSIZE BLOCK_SIZE DF_BLOCK_SIZE DU_BLOCK_SIZE LS_BLOCK_SIZE LS_COLORS POSIXLY_CORRECT " +
			"QUOTING_STYLE SIMPLE_BACKUP_SUFFIX TABSIZE TIME_STYLE VERSION_CONTROL _POSIX2_VERSION",
		source: "https://www.gnu.org/software/coreutils/manual/coreutils.html",
		plain: "[ b2sum base32 base64 basename cat cksum comm cut dir dirname du echo expand expr false fmt fold head " +
			"join ls md5sum nice nl numfmt od paste pr printf readlink realpath seq sha1sum sha224sum sha256sum " +
			"sha384sum sha512sum sort stat sum tac tail test timeout tr true tsort unexpand uniq vdir wc",
		also: "LSCOLORS",
	},
	{
		name: "grep", programs: "grep egrep fgrep zgrep zegrep zfgrep",
		variables: "GREP_COLOR GREP_COLORS GREP_OPTIONS POSIXLY_CORRECT", source: "grep(1)",
		plain: "grep",
	},
	{
		name: "sed", programs: "sed gsed", variables: "COLS POSIXLY_CORRECT", source: "sed(1)",
		plain: "sed",
	},
	{
		name: "awk", programs: "awk gawk mawk nawk",
		variables: "AWKLIBPATH AWKPATH GAWK_* INT_CHAIN_MAX MAWK_LONG_OPTIONS POSIXLY_CORRECT STR_CHAIN_MAX " +
			"TIDYMEM WHINY_USERS",
		source: "gawk(1), mawk(1)",
	},
	{
		name: "find", programs: "find locate updatedb xargs", variables: "FINDOPTS LOCATE_PATH " +
			"POSIXLY_CORRECT",
		source: "find(1), locate(1)",
		plain:  "find", also: "BLOCKSIZE BLOCK_SIZE FIND_BLOCK_SIZE GNU_FINDUTILS_*",
	},
	{
		name: "diff", programs: "diff diff3 sdiff colordiff", variables: "DIFF_OPTIONS POSIXLY_CORRECT",
		source: "diff(1)",
		plain:  "cmp diff",
	},
	{
		name: "patch", programs: "patch",
		variables: "PATCH_GET PATCH_VERSION_CONTROL POSIXLY_CORRECT QUOTING_STYLE SIMPLE_BACKUP_SUFFIX " +
			"VERSION_CONTROL",
		source: "patch(1)",
	},
	{name: "less", programs: "less more", variables: "LESS* MORE", source: "less(1)"},
	{
		name: "man", programs: "man apropos whatis groff nroff troff",
		variables: "GROFF_* MAN* SOURCE_DATE_EPOCH", source: "man(1), groff(1)",
	},
	{
		name: "ps", programs: "ps top pgrep pkill free vmstat uptime",
		variables: "CMD_ENV I_WANT_A_BROKEN_PS LIBPROC_HIDE_KERNEL POSIXLY_CORRECT PROCPS_* PS_COLORS " +
			"PS_FORMAT PS_PERSONALITY UNIX95 _XPG",
		source: "ps(1)",
	},
	{
		name: "tar", programs: "tar bsdtar gtar",
		variables: "POSIXLY_CORRECT SIMPLE_BACKUP_SUFFIX TAPE TAR_* VERSION_CONTROL", source: "tar(1)",
	},
	{
		name: "compress", programs: "gzip gunzip zcat bzip2 bunzip2 xz unxz xzcat lzma zstd unzstd zstdcat lz4 " +
			"zip unzip zipinfo",
		variables: "BZIP BZIP2 GZIP UNZIP UNZIPOPT XZ_DEFAULTS XZ_OPT ZIPINFO ZIPINFOOPT ZIPOPT ZSTD_*",
		source:    "gzip(1), bzip2(1), xz(1), zstd(1), zip(1), unzip(1)",
	},
	{name: "rsync", programs: "rsync", variables: "POPT_* RSYNC_*", source: "rsync(1)"},
	{name: "gpg", programs: "gpg gpg2 gpgv gpgsm", variables: "GNUPGHOME", source: "gpg(1)"},
	{
		name: "openssl", programs: "openssl", variables: "OPENSSL_* RANDFILE SSL_CERT_DIR SSL_CERT_FILE",
		source: "openssl-env(7)",
	},
	{
		name: "bc", programs: "bc dc", variables: "BC_* DC_* POSIXLY_CORRECT", source: "bc(1), dc(1)",
	},

	// Searching and showing.
	{name: "rg", programs: "rg", variables: "RIPGREP_CONFIG_PATH", source: "rg(1)"},
	{name: "ag", programs: "ag ack", variables: "ACKRC ACK_*", source: "https://beyondgrep.com/documentation/"},
	{name: "fd", programs: "fd fdfind", variables: "LS_COLORS NO_COLOR", source: "fd(1)"},
	{name: "fzf", programs: "fzf", variables: "FZF_*", source: "fzf(1)"},
	{
		name: "bat", programs: "bat batcat", variables: "BAT_* NO_COLOR",
		source: "https://github.com/sharkdp/bat#configuration-file",
	},
	{
		name: "eza", programs: "eza exa", variables: "EXA_* EZA_* LS_COLORS NO_COLOR TIME_STYLE",
		source: "https://github.com/eza-community/eza/blob/main/man/eza.1.md",
	},
	{
		name: "jq", programs: "jq gojq jaq", variables: "GOJQ_* JQ_COLORS NO_COLOR",
		source: "https://jqlang.org/manual/#colors",
		plain:  "jq", code: filtersCode, also: "JQ_*",
	},
	{name: "yq", programs: "yq", variables: "JQ_COLORS NO_COLOR YQ_*", source: "https://mikefarah.gitbook.io/yq"},

	// The network.
	{
		name: "curl", programs: "curl",
		variables: "ALL_PROXY CURL_* FTP_PROXY HTTPS_PROXY IPFS_GATEWAY NETRC NO_PROXY SSL_CERT_DIR " +
			"SSL_CERT_FILE all_proxy ftp_proxy http_proxy https_proxy no_proxy",
		source: "curl(1)",
	},
	{
		name: "wget", programs: "wget wget2",
		variables: "SYSTEM_WGETRC WGETRC ftp_proxy http_proxy https_proxy no_proxy", source: "wget(1)",
	},
	{
		name: "http", programs: "http https xh",
		variables: "ALL_PROXY HTTPIE_* HTTPS_PROXY HTTP_PROXY NETRC NO_PROXY REQUESTS_CA_BUNDLE XH_* " +
			"all_proxy http_proxy https_proxy no_proxy",
		source: "https://httpie.io/docs/cli/environment, https://github.com/ducaale/xh",
	},
	{
		name: "dig", programs: "dig host nslookup", variables: "IDN_DISABLE LOCALDOMAIN RES_OPTIONS",
		source: "dig(1), resolv.conf(5)",
	},

	// Version control and forges.
	{
		name: "git", programs: "git git-lfs tig", variables: "EMAIL GIT_*", source: "git(1), git-var(1)",
		plain: "git", code: configuresCode,
		also: "ALL_PROXY EDITOR GITHEAD_* HTTPS_PROXY LESS LV MANPATH NO_PROXY PAGER SUDO_UID VISUAL all_proxy http_proxy " +
			"https_proxy no_proxy",
	},
	{name: "hg", programs: "hg", variables: "EMAIL HG*", source: "hg(1)"},
	{
		name: "svn", programs: "svn svnadmin svnlook svnversion", variables: "SVN_*",
		source: "https://svnbook.red-bean.com",
	},
	{
		name: "gh", programs: "gh",
		variables: "CLICOLOR CLICOLOR_FORCE GH_* GITHUB_ENTERPRISE_TOKEN GITHUB_TOKEN GLAMOUR_STYLE " +
			"HTTPS_PROXY HTTP_PROXY NO_COLOR NO_PROXY http_proxy https_proxy no_proxy",
		source: "https://cli.github.com/manual/gh_help_environment",
	},
	{
		name: "glab", programs: "glab",
		variables: "GITLAB_* GLAB_* GLAMOUR_STYLE HTTPS_PROXY HTTP_PROXY NO_COLOR NO_PROXY OAUTH_TOKEN",
		source:    "https://gitlab.com/gitlab-org/cli#environment-variables",
	},

	// Databases.
	{
		name: "psql", programs: "psql pg_dump pg_dumpall pg_restore pg_isready pg_basebackup pgbench createdb " +
			"dropdb createuser dropuser clusterdb reindexdb vacuumdb pg_ctl initdb postgres pgcli",
		variables: "PG* PSQLRC PSQL_*", source: "https://www.postgresql.org/docs/current/libpq-envars.html, psql(1)",
	},
	{
		name: "mysql", programs: "mysql mysqldump mysqladmin mysqlshow mysqlimport mariadb mariadb-dump " +
			"mariadb-admin",
		variables: "LIBMYSQL_* MARIADB_* MYSQL_*",
		source:    "https://dev.mysql.com/doc/refman/en/environment-variables.html",
	},
	{name: "sqlite3", programs: "sqlite3 sqldiff", variables: "SQLITE_*", source: "sqlite3(1)"},
	{
		name: "redis", programs: "redis-cli valkey-cli", variables: "REDISCLI_* VALKEYCLI_*",
		source: "https://redis.io/docs/latest/develop/tools/cli/",
	},
	{
		name: "sqlcmd", programs: "sqlcmd bcp", variables: "SQLCMD*",
		source: "https://learn.microsoft.com/sql/tools/sqlcmd/sqlcmd-use-scripting-variables",
	},
	{
		name: "oracle", programs: "sqlplus sql rman expdp impdp",
		variables: "NLS_* ORACLE_* ORA_* SQLPATH TNS_ADMIN TWO_TASK",
		source:    "https://docs.oracle.com/en/database/oracle/oracle-database/23/sqpug/",
	},
	{
		name: "snowflake", programs: "snow snowsql", variables: "SNOWFLAKE_* SNOWSQL_*",
		source: "https://docs.snowflake.com/en/developer-guide/snowflake-cli/connecting/configure-cli",
	},
	{
		name: "dbt", programs: "dbt", variables: "DBT_* PYTHON* VIRTUAL_ENV",
		source: "https://docs.getdbt.com/reference/global-configs/environment-variable-configs",
	},

	// Clouds and clusters. Tokens are values that say who asks: they are in the key by their digest.
	{
		name: "aws", programs: "aws awslocal sam cdk eksctl s3cmd",
		variables: "ALL_PROXY AWS_* HTTPS_PROXY HTTP_PROXY NO_PROXY REQUESTS_CA_BUNDLE",
		source:    "https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html",
	},
	{
		name: "gcloud", programs: "gcloud gsutil bq",
		variables: "BOTO_* CLOUDSDK_* GCE_METADATA_* GOOGLE_*",
		source:    "https://cloud.google.com/sdk/docs/properties",
	},
	{
		name: "az", programs: "az azd func", variables: "ARM_* AZURE_* REQUESTS_CA_BUNDLE",
		source: "https://learn.microsoft.com/cli/azure/azure-cli-configuration",
	},
	{
		name: "kubectl", programs: "kubectl oc k9s kustomize stern kubectx kubens kubeadm",
		variables: "HTTPS_PROXY HTTP_PROXY KREW_* KUBECACHEDIR KUBECONFIG KUBECTL_* KUBERNETES_SERVICE_HOST " +
			"KUBERNETES_SERVICE_PORT NO_PROXY POD_NAMESPACE",
		source: "https://kubernetes.io/docs/reference/kubectl/kubectl/#environment-variables",
	},
	{
		name: "helm", programs: "helm helmfile",
		variables: "HELMFILE_* HELM_* HTTPS_PROXY HTTP_PROXY KUBECONFIG NO_PROXY XDG_CACHE_HOME " +
			"XDG_CONFIG_HOME XDG_DATA_HOME",
		source: "https://helm.sh/docs/helm/helm/",
	},
	{
		name: "docker", programs: "docker docker-compose docker-buildx buildctl",
		variables: "BUILDKIT_* BUILDX_* COMPOSE_* DOCKER_* HTTPS_PROXY HTTP_PROXY NO_PROXY SOURCE_DATE_EPOCH",
		source:    "https://docs.docker.com/reference/cli/docker/#environment-variables",
	},
	{
		name: "podman", programs: "podman buildah skopeo",
		variables: "BUILDAH_* CONTAINERS_* CONTAINER_* DOCKER_* HTTPS_PROXY HTTP_PROXY NO_PROXY PODMAN_* " +
			"REGISTRY_AUTH_FILE SOURCE_DATE_EPOCH STORAGE_*",
		source: "podman(1)",
	},
	{
		name: "terraform", programs: "terraform tofu terragrunt tflint terraform-docs",
		variables: "ARM_* AWS_* CHECKPOINT_DISABLE GOOGLE_* HTTPS_PROXY HTTP_PROXY NO_PROXY TERRAGRUNT_* " +
			"TFLINT_* TF_* TG_* TOFU_*",
		source: "https://developer.hashicorp.com/terraform/cli/config/environment-variables",
	},
	{
		name: "pulumi", programs: "pulumi", variables: "ARM_* AWS_* GOOGLE_* PULUMI_*",
		source: "https://www.pulumi.com/docs/iac/cli/environment-variables/",
	},
	{
		name: "ansible", programs: "ansible ansible-playbook ansible-inventory ansible-galaxy ansible-lint " +
			"ansible-vault ansible-doc ansible-config",
		variables: "ANSIBLE_* PYTHON* VIRTUAL_ENV",
		source:    "https://docs.ansible.com/ansible/latest/reference_appendices/config.html",
	},
	{
		name: "vault", programs: "vault bao", variables: "BAO_* VAULT_*",
		source: "https://developer.hashicorp.com/vault/docs/commands#environment-variables",
	},
	{
		name: "consul", programs: "consul", variables: "CONSUL_*",
		source: "https://developer.hashicorp.com/consul/commands#environment-variables",
	},
	{
		name: "nomad", programs: "nomad", variables: "NOMAD_*",
		source: "https://developer.hashicorp.com/nomad/docs/commands",
	},
	{
		name: "packer", programs: "packer", variables: "PACKER_* PKR_VAR_*",
		source: "https://developer.hashicorp.com/packer/docs/configure",
	},

	// Compilers, linkers and what starts them.
	{
		name: "cc", programs: "gcc g++ cc c++ cpp clang clang++ clang-cpp clang-tidy clang-format gfortran tcc " +
			"icx ld ld.bfd ld.gold ld.lld lld mold as ar ranlib nm objdump strip collect2 make gmake bmake " +
			"cmake ninja samu meson ccache sccache distcc",
		variables: "CCC_* CLANG_* COLLECT_* COMPILER_PATH CPATH CPLUS_INCLUDE_PATH C_INCLUDE_PATH " +
			"DEPENDENCIES_OUTPUT GCC_* GNUTARGET LDEMULATION LD_RUN_PATH LIBRARY_PATH " +
			"MACOSX_DEPLOYMENT_TARGET OBJCPLUS_INCLUDE_PATH OBJC_INCLUDE_PATH SDKROOT SOURCE_DATE_EPOCH " +
			"SUNPRO_DEPENDENCIES TERM_URLS",
		source: "https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html, clang(1), ld(1)",
		plain:  "c++ cc cpp g++ gcc", parts: "as cc1 cc1plus", places: "/usr/lib/gcc/ /usr/libexec/gcc/",
		code: compilesCode,
		also: "AS_* BINUTILS_ROOT BUILD_PATH_PREFIX_MAP CXX_* G++_ROOT LPATH MAKEFLAGS OFFLOAD_*",
	},
	{
		name: "ccache", programs: "ccache sccache distcc", variables: "CCACHE_* DISTCC_* SCCACHE_*",
		source: "ccache(1), https://github.com/mozilla/sccache/blob/main/docs/Configuration.md",
	},
	{
		name: "make", programs: "make gmake bmake",
		variables: "AR ARFLAGS AS ASFLAGS CC CFLAGS CO COFLAGS CPP CPPFLAGS CTANGLE CWEAVE CXX CXXFLAGS FC " +
			"FFLAGS GET GFLAGS GNUMAKEFLAGS LDFLAGS LDLIBS LEX LFLAGS LINT LINTFLAGS LOADLIBES MAKEFILES " +
			"MAKEFLAGS MAKEINFO MAKELEVEL MAKEOVERRIDES MAKESYSPATH MFLAGS PC PFLAGS RFLAGS RM SUFFIX TANGLE " +
			"TEX TEXI2DVI VPATH WEAVE YACC YFLAGS",
		source: "https://www.gnu.org/software/make/manual/html_node/Implicit-Variables.html, make(1)",
	},
	{
		name: "cmake", programs: "cmake ctest cpack ccmake",
		variables: "ASM* CC CFLAGS CLICOLOR CLICOLOR_FORCE CMAKE_* CTEST_* CUDA* CXX CXXFLAGS DESTDIR FC " +
			"FFLAGS HIP* ISPC* LDFLAGS OBJC* PKG_CONFIG_* RC RCFLAGS SSL_CERT_* SWIFTC VERBOSE",
		source: "cmake-env-variables(7)",
	},
	{
		name: "ninja", programs: "ninja samu", variables: "CLICOLOR_FORCE NINJA_*",
		source: "https://ninja-build.org/manual.html",
	},
	{
		name: "meson", programs: "meson",
		variables: "AR CC CFLAGS CPPFLAGS CXX CXXFLAGS DESTDIR FC LDFLAGS MESON_* NINJA PKG_CONFIG " +
			"PKG_CONFIG_* STRIP WINDRES",
		source: "https://mesonbuild.com/Reference-tables.html",
	},
	{
		name: "autotools", programs: "configure autoconf autoreconf automake aclocal libtool m4",
		variables: "ACLOCAL_* AC_MACRODIR AR AUTOCONF AUTOM4TE AUTOMAKE CC CFLAGS CONFIG_SHELL CONFIG_SITE " +
			"CPP CPPFLAGS CXX CXXCPP CXXFLAGS FC FCFLAGS LDFLAGS LIBS LT_* M4* PKG_CONFIG PKG_CONFIG_* " +
			"RANLIB STRIP WARNINGS",
		source: "https://www.gnu.org/software/autoconf/manual/autoconf.html",
	},
	{
		name: "pkg-config", programs: "pkg-config pkgconf", variables: "PKG_CONFIG_*", source: "pkg-config(1)",
	},
	{
		name: "bazel", programs: "bazel bazelisk buck2", variables: "BAZEL* BUCK* CC JAVA_HOME USE_BAZEL_*",
		source: "https://bazel.build/reference/command-line-reference, https://github.com/bazelbuild/bazelisk",
	},
	{
		name: "just", programs: "just task", variables: "JUST_* TASK_*",
		source: "just(1), https://taskfile.dev/docs/reference/environment",
	},
	{
		name: "nix", programs: "nix nix-build nix-shell nix-env nix-store nix-instantiate",
		variables: "IN_NIX_SHELL NIXPKGS_* NIX_*", source: "https://nix.dev/manual/nix/latest/command-ref/env-common",
	},

	// Languages.
	{
		name: "go", programs: "go gofmt gopls staticcheck golangci-lint gofumpt goimports govulncheck " +
			"gotestsum goreleaser dlv",
		variables: "AR CC CGO_* CXX FC GCCGO* GO* HTTPS_PROXY HTTP_PROXY NO_PROXY PKG_CONFIG",
		source:    "go help environment",
		plain:     "go", parts: "asm buildid cgo compile link pack vet",
		places: "/usr/local/go/ /usr/lib/go/ /usr/lib/go- /usr/lib/golang/", code: goesCode,
		also: "ALL_PROXY CGO* DEBUG_* GCM_INTERACTIVE GIT_* NETRC TESTGO* TEST_TELEMETRY_DIR ZONEINFO all_proxy " +
			"http_proxy https_proxy no_proxy",
	},
	{
		name: "cargo", programs: "cargo rustc rustdoc rustfmt rustup clippy-driver cargo-clippy cargo-nextest " +
			"rust-analyzer cross maturin",
		variables: "CARGO* CC CFLAGS CROSS_* HTTPS_PROXY HTTP_PROXY LD_RUN_PATH NEXTEST_PROFILE NO_PROXY " +
			"PKG_CONFIG_* RUST* SOURCE_DATE_EPOCH __CARGO_*",
		source: "https://doc.rust-lang.org/cargo/reference/environment-variables.html, rustc(1)",
	},
	{
		name: "python", programs: "python pypy pydoc ipython jupyter black ruff flake8 pylint isort mypy " +
			"pyright tox nox coverage sphinx-build mkdocs django-admin pre-commit",
		variables: "COVERAGE_* FORCE_COLOR JUPYTER* MYPY* NO_COLOR PYENV_VERSION PYTHON* RUFF_* TOX_* " +
			"VIRTUAL_ENV",
		source: "https://docs.python.org/3/using/cmdline.html#environment-variables",
	},
	{
		name: "pytest", programs: "pytest py.test",
		variables: "COVERAGE_* FORCE_COLOR NO_COLOR PYENV_VERSION PYTEST_ADDOPTS PYTEST_DEBUG " +
			"PYTEST_DISABLE_PLUGIN_AUTOLOAD PYTEST_PLUGINS PYTEST_THEME PYTEST_THEME_MODE " +
			"PYTEST_XDIST_AUTO_NUM_WORKERS PYTHON* PY_COLORS VIRTUAL_ENV",
		source: "https://docs.pytest.org/en/stable/reference/reference.html#environment-variables",
	},
	{
		name: "pip", programs: "pip pipx pipenv",
		variables: "HTTPS_PROXY HTTP_PROXY NO_PROXY PIPENV_* PIPX_* PIP_* PYENV_VERSION PYTHON* " +
			"REQUESTS_CA_BUNDLE SSL_CERT_* VIRTUAL_ENV",
		source: "https://pip.pypa.io/en/stable/topics/configuration/#environment-variables",
	},
	{
		name: "uv", programs: "uv uvx", variables: "FORCE_COLOR NO_COLOR PIP_* PYTHON* SSL_CERT_* UV_* " +
			"VIRTUAL_ENV",
		source: "https://docs.astral.sh/uv/reference/environment/",
	},
	{
		name: "poetry", programs: "poetry pdm hatch", variables: "HATCH_* PDM_* PIP_* POETRY_* PYTHON* " +
			"VIRTUAL_ENV",
		source: "https://python-poetry.org/docs/configuration/#using-environment-variables",
	},
	{
		name: "conda", programs: "conda mamba micromamba",
		variables: "CONDARC CONDA_CHANNELS CONDA_DEFAULT_ENV CONDA_ENVS_PATH CONDA_OVERRIDE_* " +
			"CONDA_PKGS_DIRS CONDA_PREFIX CONDA_SUBDIR MAMBA_*",
		source: "https://docs.conda.io/projects/conda/en/stable/user-guide/configuration/",
	},
	{
		name: "node", programs: "node nodejs tsx ts-node tsc eslint prettier jest vitest mocha webpack vite " +
			"rollup esbuild next nuxt turbo nx lerna playwright cypress",
		variables: "BABEL_ENV CI CYPRESS_* ESLINT_* FORCE_COLOR NODE NODENV_VERSION NODE_* NO_COLOR NX_* " +
			"PLAYWRIGHT_* TSC_* TS_NODE_* TURBO_* VITE_* npm_config_*",
		source: "https://nodejs.org/api/cli.html#environment-variables_1",
	},
	{
		name: "npm", programs: "npm npx pnpm pnpx yarn yarnpkg corepack",
		variables: "CI COREPACK_* FORCE_COLOR HTTPS_PROXY HTTP_PROXY NODE NODENV_VERSION NODE_* NO_COLOR " +
			"NO_PROXY NPM_CONFIG_* NPM_TOKEN PNPM_* YARN_* npm_config_*",
		source: "https://docs.npmjs.com/cli/using-npm/config#environment-variables, " +
			"https://yarnpkg.com/configuration/yarnrc",
	},
	{
		name: "bun", programs: "bun bunx", variables: "BUN_* FORCE_COLOR NODE_* NO_COLOR NPM_CONFIG_* " +
			"npm_config_*",
		source: "https://bun.com/docs/runtime/env",
	},
	{
		name: "deno", programs: "deno",
		variables: "DENO_* FORCE_COLOR HTTPS_PROXY HTTP_PROXY NO_COLOR NO_PROXY NPM_CONFIG_REGISTRY",
		source:    "https://docs.deno.com/runtime/reference/env_variables/",
	},
	{
		name: "ruby", programs: "ruby irb gem bundle bundler rake rails rspec rubocop jekyll",
		variables: "BUNDLE* GEM_* JEKYLL_* RACK_ENV RAILS_* RBENV_VERSION RUBY* SPEC_OPTS",
		source: "ruby(1), https://bundler.io/man/bundle-config.1.html, " +
			"https://guides.rubygems.org/command-reference/",
	},
	{
		name: "perl", programs: "perl prove cpan cpanm perldoc perltidy perlcritic",
		variables: "HARNESS_* PERL* PROVE_* TEST_JOBS TEST_VERBOSE", source: "perlrun(1), prove(1)",
	},
	{
		name: "php", programs: "php composer phpunit phpstan artisan",
		variables: "COMPOSER* PHPRC PHP_*",
		source:    "php(1), https://getcomposer.org/doc/03-cli.md#environment-variables",
	},
	{
		name: "java", programs: "java javac jar javadoc jshell kotlin kotlinc scala scalac groovy clojure clj",
		variables: "CLASSPATH CLJ_* JAVA_* JDK_* KOTLIN_* SCALA_* _JAVA_OPTIONS",
		source:    "https://docs.oracle.com/en/java/javase/24/docs/specs/man/java.html",
	},
	{
		name: "mvn", programs: "mvn mvnw mvnd",
		variables: "CLASSPATH JAVA_* JDK_* M2_HOME MAVEN_* MVNW_* _JAVA_OPTIONS",
		source:    "https://maven.apache.org/configure.html",
	},
	{
		name: "gradle", programs: "gradle gradlew",
		variables: "ANDROID_* CLASSPATH GRADLE_* JAVA_* JDK_* ORG_GRADLE_* _JAVA_OPTIONS",
		source:    "https://docs.gradle.org/current/userguide/build_environment.html",
	},
	{
		name: "ant", programs: "ant sbt lein", variables: "ANT_* CLASSPATH JAVA_* JDK_* LEIN_* SBT_* " +
			"_JAVA_OPTIONS",
		source: "https://ant.apache.org/manual/running.html, " +
			"https://www.scala-sbt.org/1.x/docs/Command-Line-Reference.html",
	},
	{
		name: "dotnet", programs: "dotnet msbuild nuget pwsh",
		variables: "COMPlus_* DOTNET_* MSBUILD* NUGET_* POWERSHELL_* PSModulePath",
		source:    "https://learn.microsoft.com/dotnet/core/tools/dotnet-environment-variables",
	},
	{
		name: "swift", programs: "swift swiftc xcodebuild xcrun",
		variables: "DEVELOPER_DIR MACOSX_DEPLOYMENT_TARGET SDKROOT SWIFT* TOOLCHAINS", source: "xcrun(1), swift(1)",
	},
	{
		name: "haskell", programs: "ghc ghci runghc cabal stack",
		variables: "CABAL_* GHC* STACK_*", source: "https://downloads.haskell.org/ghc/latest/docs/users_guide/",
	},
	{
		name: "ocaml", programs: "ocaml ocamlc ocamlopt ocamlfind dune opam", variables: "CAML* DUNE_* " +
			"OCAML* OPAM*",
		source: "ocamlrun(1), https://opam.ocaml.org/doc/man/opam.html",
	},
	{
		name: "erlang", programs: "erl erlc rebar3 elixir elixirc iex mix",
		variables: "ELIXIR_* ERL_* HEX_* MIX_* REBAR_*",
		source:    "erl(1), https://hexdocs.pm/mix/Mix.html#module-environment-variables",
	},
	{name: "lua", programs: "lua luajit luac luarocks", variables: "LUA*", source: "lua(1)"},
	{
		name: "R", programs: "R Rscript", variables: "RENV_* R_*",
		source: "https://stat.ethz.ch/R-manual/R-devel/library/base/html/EnvVar.html",
	},
	{
		name: "julia", programs: "julia", variables: "JULIA_*",
		source: "https://docs.julialang.org/en/v1/manual/environment-variables/",
	},
	{
		name: "zig", programs: "zig", variables: "CC NO_COLOR ZIG_*",
		source: "https://ziglang.org/documentation/master/",
	},
	{
		name: "dart", programs: "dart flutter", variables: "DART_* FLUTTER_* PUB_*",
		source: "https://dart.dev/tools/pub/environment-variables",
	},
	{
		name: "tex", programs: "tex latex pdflatex xelatex lualatex pdftex luatex bibtex biber latexmk " +
			"kpsewhich dvips",
		variables: "BIBINPUTS BSTINPUTS FORCE_SOURCE_DATE SOURCE_DATE_EPOCH TEX* TFMFONTS max_print_line " +
			"openin_any openout_any shell_escape",
		source: "kpathsea(1), https://tug.org/texinfohtml/kpathsea.html",
	},
	{
		name: "pandoc", programs: "pandoc asciidoctor doxygen plantuml dot",
		variables: "GRAPHVIZ_DOT GVBINDIR PLANTUML_* SOURCE_DATE_EPOCH", source: "pandoc(1), dot(1)",
	},
	{name: "ffmpeg", programs: "ffmpeg ffprobe", variables: "AV_LOG_FORCE_* FFREPORT NO_COLOR", source: "ffmpeg(1)"},
	{
		name: "magick", programs: "magick convert identify mogrify", variables: "MAGICK_*",
		source: "https://imagemagick.org/script/resources.php",
	},
	{name: "shellcheck", programs: "shellcheck", variables: "SHELLCHECK_OPTS", source: "shellcheck(1)"},
	{
		name: "dpkg", programs: "dpkg dpkg-query dpkg-deb apt apt-get apt-cache",
		variables: "APT_CONFIG DEBIAN_* DPKG_*",
		source:    "dpkg(1), apt.conf(5)",
	},
	{name: "brew", programs: "brew", variables: "HOMEBREW_*", source: "brew(1)"},
}

// Names lists what may stand behind an @ among the names of variables.
func Names() []string {
	names := []string{None, Known}
	for i := range tools {
		names = append(names, tools[i].name)
	}
	return names
}

// Of lists the tools that a program belongs to.
func Of(program string) (names []string) {
	name := cmdline.ProgramName(program)
	plain := strings.TrimRight(name, "-.0123456789")    // python3.12, gcc-13
	last := plain[strings.LastIndexByte(plain, '-')+1:] // x86_64-linux-gnu-gcc
	for i := range tools {
		t := &tools[i]
		if t.has(name) || t.has(plain) || t.name == "cc" && t.has(last) {
			names = append(names, t.name)
		}
	}
	return names
}

func (t *tool) has(program string) bool { return hasField(t.programs, program) }

// Patterns lists the variables of tools, as names and globs.
func Patterns(names []string) (patterns []string) {
	all := slices.Contains(names, Known)
	for i := range tools {
		t := &tools[i]
		if slices.Contains(names, t.name) || all && t.name != Path {
			patterns = append(patterns, strings.Fields(t.variables)...)
		}
	}
	return sortedSet(patterns)
}

// Cover reports whether variables of tools, which are names and beginnings of names, have one of a name. None of our
// own is any tool's.
func Cover(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		pattern = env.Canonical(pattern)
		begins, isGlob := strings.CutSuffix(pattern, "*")
		return pattern == name || isGlob && strings.HasPrefix(name, begins)
	})
}

// sortedSet sorts names in place and drops repetitions.
func sortedSet(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
