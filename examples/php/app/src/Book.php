<?php

declare(strict_types=1);

namespace Recipes;

/** The recipes, in sqlite. `data` is a link to a shared folder that outlives this release, so both slots use the same recipes. */
final class Book
{
    private readonly \PDO $db;

    public function __construct()
    {
        $this->db = new \PDO('sqlite:' . dirname(__DIR__) . '/data/recipes.db');
        // A migration of the other slot may hold the database for a moment.
        $this->db->exec('PRAGMA busy_timeout = 5000');
    }

    /** @return list<string> the newest first */
    public function titles(): array
    {
        return $this->db->query('SELECT title FROM recipes ORDER BY id DESC LIMIT 20')->fetchAll(\PDO::FETCH_COLUMN);
    }

    public function add(string $title): void
    {
        $this->db->prepare('INSERT INTO recipes (title) VALUES (?)')->execute([$title]);
    }

    /** Runs each file of `migrations` once, in a transaction of its own. */
    public function migrate(): void
    {
        $this->db->exec('CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)');
        $done = $this->db->query('SELECT name FROM migrations')->fetchAll(\PDO::FETCH_COLUMN);
        foreach (glob(dirname(__DIR__) . '/migrations/*.sql') as $file) {
            $name = basename($file);
            if (in_array($name, $done, true)) {
                continue;
            }
            echo "$name ...\n";
            $this->db->beginTransaction();
            $this->db->exec(file_get_contents($file));
            $this->db->prepare('INSERT INTO migrations (name) VALUES (?)')->execute([$name]);
            $this->db->commit();
        }
        echo "The database is up to date.\n";
    }
}
