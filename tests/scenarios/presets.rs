//! Presets against real servers, as far as this machine can make their images: ready by their own protocol, and the
//! connection settings that they give to others are true.

use super::support::{BUSYBOX, POSTGRES, REDIS, Stack, docker};

/// A stack of one preset, and a service that has its outputs in the environment.
fn with_client(topic: &str, preset: &str, image: &str, more: &str, env: &str) -> Stack {
    let stack = Stack::new(
        topic,
        format!(
            "[services.it]\npreset = \"{preset}\"\nimage = \"{image}\"\n{more}\n\
             [services.client]\nimage = \"{BUSYBOX}\"\ncommand = [\"sleep\", \"1000000\"]\n\
             stop = {{ signal = \"KILL\" }}\nneeds = [\"it\"]\nenv = {{ {env} }}\n"
        ),
    );
    stack.dev(["up", "--wait"]).succeeds();
    stack
}

/// What a command in the container of `service` prints.
fn said(stack: &Stack, service: &str, command: &str) -> String {
    docker(["exec", &stack.container(service).id, "sh", "-c", command])
}

#[test]
fn postgres_has_its_databases_and_keeps_them_when_one_is_added() {
    let toml = |databases: &str| {
        format!(
            "[services.it]\npreset = \"postgres:15\"\nimage = \"{POSTGRES}\"\ndatabases = [{databases}]\n\
             [services.client]\nimage = \"{POSTGRES}\"\ncommand = [\"sleep\", \"1000000\"]\n\
             stop = {{ signal = \"KILL\" }}\nenv = {{ URL = \"${{it.one.url}}\" }}\n"
        )
    };
    let stack = Stack::new("postgres", toml("\"one\""));
    stack.dev(["up", "--wait"]).succeeds();
    said(
        &stack,
        "client",
        "psql \"$URL\" --command 'create table kept (n int)'",
    );

    stack.edit(toml("\"one\", \"two\""));
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(stack.sql("it", "two", "select 1"), "1");
    assert_eq!(stack.sql("it", "one", "select count(*) from kept"), "0");
}

#[test]
fn redis_answers_at_the_address_it_gives() {
    let stack = with_client(
        "redis",
        "redis:7",
        REDIS,
        "",
        "HOST = \"${it.host}\", PORT = \"${it.port}\"",
    );
    let pong = said(
        &stack,
        "client",
        "printf 'PING\\r\\nQUIT\\r\\n' | nc -w 5 $HOST $PORT",
    );
    assert!(pong.starts_with("+PONG"), "{pong}");
}

#[test]
fn mariadb_lets_in_with_the_credentials_it_gives() {
    let stack = with_client(
        "mariadb",
        "mariadb:10.11",
        "dev.local/mariadb:10.11",
        "databases = [\"shop\"]",
        "URL = \"${it.shop.url}\", U = \"${it.user}\", P = \"${it.password}\"",
    );
    let (user, password) = (
        said(&stack, "client", "echo $U"),
        said(&stack, "client", "echo $P"),
    );
    let query = format!(
        "mariadb --protocol=tcp --host=127.0.0.1 --user='{user}' --password='{password}' shop -Ne 'select 7'"
    );
    assert_eq!(said(&stack, "it", &query), "7");
    assert!(said(&stack, "client", "echo $URL").contains("/shop"));
}

#[test]
fn rabbitmq_answers_at_the_address_it_gives() {
    let env = "HOST = \"${it.host}\", PORT = \"${it.port}\", URL = \"${it.url}\"";
    let stack = with_client("rabbitmq", "rabbitmq:3", "dev.local/rabbitmq", "", env);
    assert!(said(&stack, "client", "echo $URL").starts_with("amqp://"));
    // To a client that begins with anything else, a broker says which protocol it speaks.
    let greeting = said(&stack, "client", "printf 'hello123' | nc -w 5 $HOST $PORT");
    assert!(greeting.starts_with("AMQP"), "{greeting}");
}

#[test]
fn nats_answers_at_the_address_it_gives() {
    let env = "HOST = \"${it.host}\", PORT = \"${it.port}\"";
    let stack = with_client("nats", "nats:2", "dev.local/nats", "", env);
    let greeting = said(
        &stack,
        "client",
        "nc -w 5 $HOST $PORT </dev/null | head -n 1",
    );
    assert!(greeting.starts_with("INFO "), "{greeting}");
}

#[test]
fn minio_is_alive_at_the_address_it_gives() {
    let stack = with_client(
        "minio",
        "minio",
        "dev.local/minio",
        "",
        "URL = \"${it.url}\"",
    );
    let answer = said(
        &stack,
        "client",
        "wget -q -S -O /dev/null $URL/minio/health/live 2>&1",
    );
    assert!(answer.contains("200 OK"), "{answer}");
}
