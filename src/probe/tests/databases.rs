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

/// `mariadb` answered to `12345678abcdefghijkl`.
const ANSWER: &str = "17854dc2de4714c33b45ee1501b8a00618709cd0";

#[tokio::test]
async fn mariadb_is_told_who_asks_and_left_by_a_logout() {
    let (said, mut seen) = mpsc::channel(4);
    let (address, _server) = server(move |n, mut stream| {
        let said = said.clone();
        async move {
            let mut greeting = b"\x0a11.8.2-MariaDB\0".to_vec();
            greeting.extend(b"\x07\0\0\x0012345678\0");
            greeting.extend([0xff; 18]);
            greeting.extend(b"abcdefghijkl\0mysql_native_password\0");
            let greeting = mysql_packet(0, &greeting);
            stream.write_all(&greeting).await.unwrap();
            let (mut number, mut answer) = crate::probe::mysql::packet(&mut stream).await.unwrap();
            if n > 0 {
                let again = b"\xfemysql_native_password\x0012345678abcdefghijkl\0";
                stream.write_all(&mysql_packet(2, again)).await.unwrap();
                (number, answer) = crate::probe::mysql::packet(&mut stream).await.unwrap();
            }
            let ok = mysql_packet(number + 1, b"\0\0\0\x02\0\0\0");
            stream.write_all(&ok).await.unwrap();
            let quit = crate::probe::mysql::packet(&mut stream).await.unwrap();
            said.send((answer, quit)).await.unwrap();
        }
    })
    .await;
    let kind = ProbeKind::Mysql {
        port: address.port(),
        login: None,
    };
    let mut prober = prober(kind, direct(address));
    prober.login = Some(("app".to_owned(), "mariadb".to_owned().into()));
    let (reports, mut reported) = mpsc::channel(4);
    let _running = tokio::spawn(prober.run(reports, CancellationToken::new()));
    assert!(within(reported.recv()).await.unwrap().passed);
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let (login, quit) = within(seen.recv()).await.unwrap();
    assert!(login[32..].starts_with(b"app\0\x14"), "{login:?}");
    assert_eq!(hex(&login[37..57]), ANSWER);
    assert_eq!(quit, (0, vec![1]));
    let (switched, quit) = within(seen.recv()).await.unwrap();
    assert_eq!(hex(&switched), ANSWER);
    assert_eq!(quit, (0, vec![1]));
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
                login: None,
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
