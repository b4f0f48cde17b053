use super::*;

fn postgres_message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, body].concat()
}

#[tokio::test]
async fn postgres_is_ready_when_it_asks_for_a_password_or_lets_in() {
    let (address, _server) = server(|n, stream| async move {
        let starting = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
        let missing = b"SFATAL\0C3D000\0Mdatabase \"gold\" does not exist\0\0";
        let let_in = postgres_message(b'R', &[0, 0, 0, 0]);
        let ready = postgres_message(b'Z', b"I");
        say(
            stream,
            match n {
                0 => postgres_message(b'E', starting),
                1 => postgres_message(b'R', &[0, 0, 0, 10, b'S', b'C']),
                2 => [let_in, postgres_message(b'S', b"a\0b\0"), ready].concat(),
                3 => [let_in, postgres_message(b'E', missing)].concat(),
                4 => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
                _ => Vec::new(),
            },
        )
        .await;
    })
    .await;
    let postgres = || {
        let (user, database) = ("dev".to_owned(), "gold".to_owned());
        prober(
            ProbeKind::Postgres {
                port: address.port(),
                user,
                database,
            },
            direct(address),
        )
    };
    assert_eq!(
        ask(postgres()).await,
        fail("postgres: the database system is starting up (57P03)")
    );
    assert_eq!(ask(postgres()).await, pass("postgres: accepts connections"));
    assert_eq!(ask(postgres()).await, pass("postgres: ready for queries"));
    assert_eq!(
        ask(postgres()).await,
        fail("postgres: database \"gold\" does not exist (3D000)")
    );
    assert_eq!(
        ask(postgres()).await,
        fail("postgres: this is no PostgreSQL")
    );
    assert_eq!(
        ask(postgres()).await,
        fail("postgres: closed without an answer")
    );
}

#[tokio::test]
async fn redis_is_ready_when_it_answers_but_not_while_it_loads() {
    let (address, _server) = server(|n, stream| {
        say(
            stream,
            match n {
                0 => "-LOADING Redis is loading the dataset in memory\r\n",
                1 => "-NOAUTH Authentication required.\r\n",
                2 => "+PONG\r\n",
                3 => "HTTP/1.1 400 Bad Request\r\n\r\n",
                _ => "",
            },
        )
    })
    .await;
    let redis = || {
        prober(
            ProbeKind::Redis {
                port: address.port(),
            },
            direct(address),
        )
    };
    assert_eq!(
        ask(redis()).await,
        fail("redis: LOADING Redis is loading the dataset in memory")
    );
    assert_eq!(
        ask(redis()).await,
        pass("redis: NOAUTH Authentication required.")
    );
    assert_eq!(ask(redis()).await, pass("redis: PONG"));
    assert_eq!(
        ask(redis()).await,
        fail("redis: this is no Redis, but says `HTTP/1.1 400 Bad Request`")
    );
    assert_eq!(ask(redis()).await, fail("redis: closed without an answer"));
}

fn mysql_packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[length[0], length[1], length[2], number][..], payload].concat()
}

#[tokio::test]
async fn mysql_is_ready_when_it_greets_and_is_left_politely() {
    let (logins, mut seen) = mpsc::channel(4);
    let (address, _server) = server(move |n, mut stream| {
        let logins = logins.clone();
        async move {
            if n == 0 {
                let full = mysql_packet(0, b"\xff\x10\x04Too many connections");
                stream.write_all(&full).await.unwrap();
                return;
            }
            stream
                .write_all(&mysql_packet(0, b"\x0a5.5.5-10.11.19-MariaDB\0salt"))
                .await
                .unwrap();
            let (_, login) = crate::probe::mysql::packet(&mut stream).await.unwrap();
            stream
                .write_all(&mysql_packet(2, b"\xfecaching_sha2_password\0salt\0"))
                .await
                .unwrap();
            let mut empty = [9; 4];
            stream.read_exact(&mut empty).await.unwrap();
            stream
                .write_all(&mysql_packet(4, b"\xff\x15\x04#28000Access denied"))
                .await
                .unwrap();
            logins.send((login, empty)).await.unwrap();
        }
    })
    .await;
    let mysql = || {
        prober(
            ProbeKind::Mysql {
                port: address.port(),
            },
            direct(address),
        )
    };
    assert_eq!(
        ask(mysql()).await,
        fail("mysql: Too many connections (1040)")
    );
    assert_eq!(
        ask(mysql()).await,
        pass("mysql: 10.11.19-MariaDB accepts connections")
    );
    let (login, empty) = within(seen.recv()).await.unwrap();
    assert!(
        login[32..].starts_with(b"dev-probe\0"),
        "a whole login of protocol 4.1"
    );
    assert_eq!(empty, [0, 0, 0, 3], "an empty answer, numbered on");
}
