//! A dev.toml made of a Compose file.

use crate::engine::{containers, text};
use crate::tool::{Project, Tool};

/// As teams have it: built in stages, nothing but the app published, values from the environment.
const PRODUCTION: &str = r#"
name: ${STACK}
services:
  app:
    build: {context: ., target: production}
    restart: unless-stopped
    ports: ["${PORT}:8000"]
    environment:
      DATABASE: postgres://app:${POSTGRES_PASSWORD:?say it}@db:5432/app
      REDIS: redis://cache:6379/0
      CORS_ORIGIN: ${CORS_ORIGIN}
    depends_on:
      db: {condition: service_healthy}
      cache: {condition: service_healthy}
    healthcheck:
      test: ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/')"]
      interval: 10s
      start_period: 20s
  db:
    image: dev.local/postgres:15
    restart: unless-stopped
    environment: {POSTGRES_USER: app, POSTGRES_PASSWORD: "${POSTGRES_PASSWORD}", POSTGRES_DB: app}
    volumes: ["db:/var/lib/postgresql/data"]
    healthcheck: {test: ["CMD-SHELL", "pg_isready -U app -h 127.0.0.1"], interval: 2s, retries: 20}
  cache:
    image: dev.local/redis:7
    restart: unless-stopped
    command: redis-server --appendonly yes
    volumes: ["cache:/data"]
    healthcheck: {test: ["CMD", "redis-cli", "ping"], interval: 2s, retries: 10}
volumes: {db: {}, cache: {}}
#### Dockerfile
FROM dev.local/python:3.11 AS base
WORKDIR /app
COPY index.html .
FROM base AS production
RUN echo production >> index.html
CMD ["sh", "-c", "echo $CORS_ORIGIN >> index.html; exec python -m http.server 8000"]
FROM base AS development
CMD ["python", "-m", "http.server", "8001"]
#### index.html
shop
"#;

#[test]
fn the_dev_toml_that_is_made_of_a_file_means_the_same() {
    let project = Project::new(PRODUCTION);
    let name = project.name.clone();
    let project = project
        .with("STACK", &name)
        .with("POSTGRES_PASSWORD", "hunter2")
        .with("CORS_ORIGIN", "https://shop.example");
    project.up(Tool::Dev);
    let ids = || -> Vec<String> {
        let found = containers(&name);
        // The new file is in the build context of `app`, so that one may be made anew.
        let others = found.iter().filter(|c| !text(&c["Name"]).contains("-app-"));
        others.map(|c| text(&c["Id"]).to_owned()).collect()
    };
    let before = ids();
    project.done(Tool::Dev, &["init", "--from", "compose.yaml"]);
    let written = fs_err::read_to_string(project.dir.join("dev.toml")).expect("a dev.toml");
    assert!(written.contains("compose = \"compose.yaml\""), "{written}");
    assert!(written.contains("[services.app]"), "{written}");
    assert!(
        !written.contains("hunter2") && !written.contains("shop.example"),
        "{written}"
    );
    project.up(Tool::Dev);
    assert_eq!(ids(), before);
    // It is a person's from now on.
    let ended = project.run(Tool::Dev, &["init", "--from", "compose.yaml"]);
    assert_ne!(ended.code, 0);
    assert!(ended.said.contains("--force"), "{ended:?}");
    project.done(Tool::Dev, &["init", "--from", "compose.yaml", "--force"]);
}
