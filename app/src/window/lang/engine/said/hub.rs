//! What comes from the hub, and what keeps it from coming.

/// Sentences and their translations.
pub(super) const SAID: &[(&str, &str)] = &[
    // What is wrong on the way to the hub.
    ("{} of {}: {}; tried {} times", "{1} 的 {0}：{2}；已尝试 {3} 次"),
    ("{}: {}; tried {} times", "{0}：{1}；已尝试 {2} 次"),
    (
        "check the connection (and HF_ENDPOINT and HTTPS_PROXY, if you set them), then run the same command again: \
         it goes on where it stopped",
        "请检查网络连接（如果设置了 HF_ENDPOINT 和 HTTPS_PROXY，也请检查），然后重试：下载会从中断处继续",
    ),
    ("the answer broke off ({})", "回应中断（{0}）"),
    ("the connection was cut", "连接中断"),
    ("its name is not known here", "无法解析其域名"),
    ("no answer in time", "未及时回应"),
    ("no connection ({})", "无法连接（{0}）"),
    ("connection refused", "连接被拒绝"),
    ("connection reset", "连接被重置"),
    ("connection aborted", "连接被中止"),
    ("network unreachable", "网络不可达"),
    ("host unreachable", "主机不可达"),
    ("timed out", "超时"),
    ("unexpected end of file", "数据意外结束"),
    ("{}: no secure connection: {}", "{0}：无法建立安全连接：{1}"),
    (
        "where a proxy opens connections, set SSL_CERT_FILE to its certificates; also check the clock of this machine",
        "如果由代理打开连接，请把 SSL_CERT_FILE 设为其证书；也请检查本机的时钟",
    ),
    ("the proxy refused", "代理拒绝了连接"),
    ("the answer was no HTTP", "回应不是 HTTP"),
    ("the hub", "Hugging Face"),
    ("the server of its files", "其文件服务器"),
    ("the server of its files: {}", "其文件服务器：{0}"),
    ("the server of the hub's files refused ({})", "Hugging Face 的文件服务器拒绝了请求（{0}）"),
    ("{} says that it was asked too often (429)", "{0}表示请求过于频繁（429）"),
    ("{} has a problem of its own ({})", "{0}自身出现问题（{1}）"),
    ("the server sent another part of the file than it was asked for", "服务器发来的不是所要求的那部分文件"),
    ("the server does not have the rest of the file", "服务器没有文件的其余部分"),
    ("the server announced {} bytes where {} were expected", "服务器声明有 {0} 字节，应为 {1} 字节"),
    ("the server sent more than the file holds", "服务器发来的内容超过文件的大小"),
    // Answers that no hub gives.
    ("{} does not answer like a hub: {}", "{0} 的回应不像 Hugging Face：{1}"),
    (
        "check HF_ENDPOINT, if you set it; a proxy, or a page that asks to log in to the network, may answer in its \
         place",
        "如果设置了 HF_ENDPOINT，请检查；回应的也可能是代理或网络登录页",
    ),
    ("its answer is longer than any list of files", "其回应比任何文件列表都长"),
    ("its answer is no JSON", "其回应不是 JSON"),
    ("an address on it cannot be built", "无法构成其上的地址"),
    ("it sends us to an address that cannot be used", "它转到一个不能使用的地址"),
    ("it sends us in a circle", "它循环转向"),
    ("it names no commit of {}", "它没有指明 {0} 的提交"),
    ("its list of the files of {} is no list", "它给出的 {0} 的文件列表不是列表"),
    (
        "its list of the files of {} has one without name, size or checksum",
        "它给出的 {0} 的文件列表中有一项缺少名称、大小或校验和",
    ),
    ("its list of the files of {} does not end", "它给出的 {0} 的文件列表没有结尾"),
    ("{} of {}: the hub announces another file than it listed", "{1} 的 {0}：声明的文件与列出的不同"),
    (
        "run this again; if it stays so, HF_ENDPOINT names a mirror that mixes versions: choose another",
        "请重试；若仍然如此，说明 HF_ENDPOINT 所指的镜像混用版本：请换一个",
    ),
    (
        "{}: what arrived is not what the hub announced (its checksum is {}, twice in a row)",
        "{0}：收到的内容与声明的不符（校验和连续两次为 {1}）",
    ),
    (
        "run this again later; if it stays so, the server or something on the way (a proxy, a virus scanner) changes \
         files. Nothing of it was kept",
        "请稍后重试；若仍然如此，说明服务器或中途的程序（代理、杀毒软件）改动了文件。收到的内容没有保留",
    ),
    // Whom the hub lets in.
    (
        "create a token that may read ({}/settings/tokens) and set HF_TOKEN to it",
        "请创建一个可读取的令牌（{0}/settings/tokens），并把 HF_TOKEN 设为它",
    ),
    (
        "{} is gated: its owners ask whoever uses it to agree to their terms first",
        "{0} 需要授权：所有者要求使用者先同意其条款",
    ),
    ("open {}, log in and agree; then {}, and run this again", "请打开 {0}，登录并同意；然后{1}，再重试"),
    (
        "{} is gated, and the account of the token from {} has not been let in",
        "{0} 需要授权，而 {1} 中令牌的账户尚未获准",
    ),
    (
        "open {} with that account and agree to the terms; where the owners decide themselves, wait for their \
         answer. The token must be allowed to read gated repositories",
        "请用该账户打开 {0} 并同意条款；若由所有者审批，请等待其答复。令牌必须有权读取需要授权的仓库",
    ),
    ("{} has no revision `{}`", "{0} 没有版本“{1}”"),
    (
        "see its branches, tags and commits at {}/commits, or leave --revision out",
        "其分支、标签和提交见 {0}/commits，或不指定版本",
    ),
    ("{} has no file {} at `{}`", "{0} 的版本“{2}”中没有文件 {1}"),
    ("with that name", "该名称"),
    (
        "run this again: if the repository was changed just now, its list of files is new",
        "请重试：如果仓库刚刚改动过，文件列表会更新",
    ),
    ("the token from {} is not accepted", "{0} 中的令牌未被接受"),
    ("{}, or take it away to ask without one", "{0}，或去掉令牌、以匿名方式访问"),
    ("{} was not found on {}, or it is private and not shown", "{1} 上没有 {0}，或它是私有的、没有显示"),
    ("check its name; if it is private, {}", "请检查名称；如果它是私有的，{0}"),
    (
        "check its name, and that the account of the token from {} may see it",
        "请检查名称，并确认 {0} 中令牌的账户可以看到它",
    ),
    ("{} refused to give {} ({})", "{0} 拒绝提供 {1}（{2}）"),
    ("look at {} in a browser: the reason stands there", "请在浏览器中查看 {0}：那里有原因"),
    // The cache, and what is set.
    (
        "make room, or set HF_HUB_CACHE to a directory on a larger disk; what arrived so far is kept",
        "请腾出空间，或把 HF_HUB_CACHE 设为更大磁盘上的目录；已收到的内容会保留",
    ),
    (
        "make room, or set HF_HUB_CACHE to a directory on a larger disk",
        "请腾出空间，或把 HF_HUB_CACHE 设为更大磁盘上的目录",
    ),
    (
        "set HF_HUB_CACHE to a directory that you may write to, or get the permission for this one",
        "请把 HF_HUB_CACHE 设为可以写入的目录，或取得此目录的权限",
    ),
    ("check this directory, or set HF_HUB_CACHE to another one", "请检查此目录，或把 HF_HUB_CACHE 设为另一个目录"),
    ("{}: has {} bytes, and {} were written", "{0}：有 {1} 字节，而写入了 {2} 字节"),
    ("another program wrote to it; run this again", "另一个程序写入了它；请重试"),
    ("{}: there is no room: {} are to be brought, and {} are free", "{0}：空间不足：要下载 {1}，可用 {2}"),
    ("{} is set, so nothing is brought from the network", "已设置 {0}，因此不从网络下载"),
    (
        "unset {} to bring files; what is in the cache can be used without that",
        "要下载文件，请取消 {0} 的设置；缓存中已有的内容无需下载即可使用",
    ),
    ("{} holds a file whose name could lead out of the cache: {}", "{0} 中有一个文件，其名称可能指向缓存之外：{1}"),
    (
        "do not use this repository; if you need its other files, choose them with --include",
        "请勿使用此仓库；如需其中的其他文件，请在命令行中用 --include 选取",
    ),
    ("{} has no file {}", "{0} 没有文件 {1}"),
    ("check its revision, and run this again", "请检查其版本，然后重试"),
    ("{}: holds no certificate", "{0}：其中没有证书"),
    ("{}: the certificates to trust cannot be read: {}", "{0}：无法读取所信任的证书：{1}"),
    (
        "set SSL_CERT_FILE to a file of certificates in PEM, or unset it and REQUESTS_CA_BUNDLE",
        "请把 SSL_CERT_FILE 设为 PEM 格式的证书文件，或取消它和 REQUESTS_CA_BUNDLE 的设置",
    ),
    ("the proxy that the environment names cannot be used", "环境变量指定的代理不能使用"),
    (
        "set HTTPS_PROXY to http://HOST:PORT; proxies of other kinds (SOCKS) are not spoken",
        "请把 HTTPS_PROXY 设为 http://HOST:PORT；不支持其他类型的代理（SOCKS）",
    ),
    (
        "HF_ENDPOINT is set to `{}`, which is no address of a hub",
        "HF_ENDPOINT 设为“{0}”，这不是 Hugging Face 或其镜像的地址",
    ),
    (
        "give it as {} is given, without a name or password in it, or unset it",
        "请写成 {0} 的形式，其中不带用户名和密码，或取消设置",
    ),
    ("the token from {} holds characters that no token has", "{0} 中的令牌含有令牌不会有的字符"),
    (
        "copy it again from the settings of your account, or take it away to ask without one",
        "请从账户设置中重新复制，或去掉令牌、以匿名方式访问",
    ),
    ("{}: the token cannot be read: {}", "{0}：无法读取令牌：{1}"),
    (
        "mend the file, set HF_TOKEN instead, or set HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to ask without a token",
        "请修复该文件，或改用 HF_TOKEN，或设置 HF_HUB_DISABLE_IMPLICIT_TOKEN=1 以匿名方式访问",
    ),
    ("`{}` cannot be a revision", "“{0}”不能是版本"),
    ("give the name of a branch or tag, or the 40 digits of a commit", "请给出分支或标签的名称，或提交的 40 位编号"),
    ("{} has no file with that name at `{}`", "{0} 的版本“{1}”中没有该名称的文件"),
];
