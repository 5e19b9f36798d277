/** Python applications: Django, and others that an ASGI or WSGI server starts. */
import { randomBytes } from 'node:crypto'
import { type Folder, firstOf } from '../folder.ts'
import { BUILT_BY, builtBy, call, quoted, type Stack, sameAs, type Variable } from '../stack.ts'

export const python: Stack = {
  name: 'python',
  title: 'a Python application',
  found: folder => firstOf(folder, 'manage.py', 'pyproject.toml', 'requirements.txt', 'Pipfile'),
  nameIn: folder => djangoModule(folder) ?? /^\s*name\s*=\s*["']([^"']+)["']/m.exec(folder.text('pyproject.toml'))?.[1],
  parts(folder, { site, app }) {
    const django = djangoModule(folder)
    const server = serverOf(folder, django)
    return {
      imports: [...BUILT_BY, 'service'],
      build: builtBy(...packages(folder), ...(django ? [`${VENDORED} manage.py collectstatic --no-input`] : [])),
      runtime: call('service', {
        start: quoted(`${VENDORED} ${server.start}`),
        migrate: django && quoted(`${VENDORED} manage.py migrate --no-input`),
        console: quoted(django ? `${VENDORED} manage.py shell` : VENDORED),
      }),
      tasks: [...(django ? ['migrate'] : []), 'console'],
      packages: ['python3'],
      env: django ? djangoVariables(app) : [],
      notes: [
        ...(server.missing ? [`Add ${server.missing} to the requirements: it serves the application.`] : []),
        ...(django
          ? [`The settings need ${site} in ALLOWED_HOSTS, a STATIC_ROOT, and their secrets from the environment.`]
          : [`Check the last word of \`start\`: ${server.target} is the module and the variable of the application.`]),
        sameAs('system and version of Python'),
      ],
      ci: {
        github: ['- uses: actions/setup-python@v5', '  with:', ...pythonVersion(folder)],
        gitlab: ['apt-get update -q && apt-get install -y -q python3-pip python3-dev build-essential'],
      },
    }
  },
}

/** Packages in a folder of the release, instead of a virtual environment: that would hold the path of the machine that made it. */
const VENDORED = 'env PYTHONPATH=vendor python3'

function packages(folder: Folder): string[] {
  const install = 'python3 -m pip install --quiet --target vendor'
  if (folder.has('uv.lock'))
    return [
      'uv export --quiet --frozen --no-dev --no-emit-project --output-file exported.txt',
      `${install} -r exported.txt`,
    ]
  if (folder.has('poetry.lock'))
    return ['poetry export --without-hashes --output exported.txt', `${install} -r exported.txt`]
  if (folder.has('requirements.txt')) return [`${install} -r requirements.txt`]
  if (folder.has('Pipfile.lock')) return ['pipenv requirements > exported.txt', `${install} -r exported.txt`]
  return [`${install} .`]
}

/** `shop` in `manage.py` with `shop.settings`. */
const djangoModule = (folder: Folder): string | undefined =>
  /DJANGO_SETTINGS_MODULE['"],\s*['"](\w+)\./.exec(folder.text('manage.py'))?.[1]

interface Server {
  readonly start: string
  readonly target: string
  /** The package that serves it, if the requirements lack it. */
  readonly missing: string | undefined
}

function serverOf(folder: Folder, django: string | undefined): Server {
  const lists = ['requirements.txt', 'pyproject.toml', 'Pipfile', 'uv.lock', 'poetry.lock']
  const required = lists.map(file => folder.text(file)).join('\n')
  const needs = (name: string) => new RegExp(`(?<![\\w-])${name}(?![\\w-])`, 'i').test(required)
  const module = firstOf(folder, 'main.py', 'app.py', 'wsgi.py', 'asgi.py')?.replace(/\.py$/, '') ?? 'app'
  const asgi = ['fastapi', 'starlette', 'uvicorn', 'litestar', 'quart'].some(needs)
  const target = django ? `${django}.wsgi` : `${module}:app`
  if (asgi && !django)
    return {
      start: `-m uvicorn --host 127.0.0.1 --port $PORT --proxy-headers ${target}`,
      target,
      missing: needs('uvicorn') || needs('fastapi\\[standard\\]') ? undefined : 'uvicorn',
    }
  return {
    start: `-m gunicorn --bind 127.0.0.1:$PORT ${target}`,
    target,
    missing: needs('gunicorn') ? undefined : 'gunicorn',
  }
}

const djangoVariables = (app: string): Variable[] => [
  {
    name: 'DJANGO_SECRET_KEY',
    secret: () => randomBytes(40).toString('hex'),
    comment: 'The settings have to read it.',
  },
  { name: 'DATABASE_URL', comment: `Such as postgres://${app}:PASSWORD@localhost/${app}, if the settings read it.` },
]

const pythonVersion = (folder: Folder): string[] =>
  folder.has('.python-version') ? ['    python-version-file: .python-version'] : ["    python-version: '3.12'"]
