<?php

require __DIR__ . '/vendor/autoload.php';

$book = new Recipes\Book();
