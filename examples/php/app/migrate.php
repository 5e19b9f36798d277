<?php

declare(strict_types=1);

require __DIR__ . '/vendor/autoload.php';

// An error ends the script with a code other than 0.
(new Recipes\Book())->migrate();
