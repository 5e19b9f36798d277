<?php

declare(strict_types=1);

// GET / lists the latest recipes, POST /recipes adds one.
require dirname(__DIR__) . '/vendor/autoload.php';

$version = trim(file_get_contents(dirname(__DIR__) . '/VERSION'));
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$answer = function (mixed $body, int $status = 200): void {
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($body);
};

header("app-version: $version");
header('app-slot: ' . (getenv('SWITCHYARD_SLOT') ?: 'none'));

match ("{$_SERVER['REQUEST_METHOD']} $path") {
    'GET /health' => $answer(['version' => $version]),
    'GET /' => $answer(['recipes' => (new Recipes\Book())->titles()]),
    'POST /recipes' => [(new Recipes\Book())->add(file_get_contents('php://input')), $answer(null, 201)],
    // Slow responses and large bodies show that a switch or a stop loses nothing that is in flight.
    'GET /slow' => [usleep(1000 * min((int) ($_GET['ms'] ?? 1500), 10_000)), $answer(['slept' => true])],
    'POST /echo' => print file_get_contents('php://input'),
    default => $answer(['error' => 'not found'], 404),
};
