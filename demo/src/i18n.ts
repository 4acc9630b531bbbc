// The words of the page. English is what the code says; a sentence without a translation does not
// compile.
import { useState } from 'preact/hooks';

const kChinese = {
  'Jindou chat': 'Jindou 聊天',
  'A small page on the npm client SDK, served by the server itself.':
    '一个基于 npm 客户端 SDK 的小页面，由服务器自身提供。',
  'Your uid': '你的 uid',
  'Any name; two people need two names.': '任意名称；两个人需要两个不同的名称。',
  'API address': 'API 地址',
  'More options': '更多选项',
  'Token': '令牌',
  'Only when the server checks tokens (tokenAuthOn).': '仅当服务器校验令牌（tokenAuthOn）时需要。',
  'Register this token first': '先注册此令牌',
  'One session at a time: signing in elsewhere ends this one':
    '同一时间只允许一个会话：在别处登录会结束此会话',
  'Manager token of the API': 'API 的管理令牌',
  'Kept in the memory of this page only.': '仅保存在此页面的内存中。',
  'Sign in': '登录',
  'Signing in…': '正在登录…',
  'Cancel': '取消',
  'Sign out': '退出登录',
  'Sign in again': '重新登录',
  'The uid has 1 to 256 bytes, without spaces at its ends and without @, # and &.':
    'uid 为 1 到 256 字节，首尾不能有空格，且不能包含 @、# 和 &。',
  'The API address has to begin with http:// or https://.':
    'API 地址必须以 http:// 或 https:// 开头。',
  'The API at {url} cannot be reached. Is the server running, and is the address right?':
    '无法访问 {url} 上的 API。服务器是否在运行，地址是否正确？',
  'The API wants its manager token. Enter it under “More options” when you sign in.':
    'API 需要管理令牌。请在登录时的“更多选项”中填写。',
  'The API does not accept this manager token.': 'API 不接受此管理令牌。',
  'The server cannot be reached at {address}. Trying again…': '无法连接 {address}，正在重试…',
  'The token is missing or wrong. Under “More options” you can register one.':
    '令牌缺失或错误。可在“更多选项”中注册一个。',
  'The server refused the sign-in: {why}.': '服务器拒绝登录：{why}。',
  'Connecting': '连接中',
  'Connected': '已连接',
  'Offline': '已离线',
  'Kicked': '已被踢下线',
  'Refused': '已被拒绝',
  'No connection. Trying again; what you write is sent as soon as it is back.':
    '没有连接，正在重试；你写的内容会在恢复后立即发送。',
  'You were signed out because you signed in elsewhere.': '你已在别处登录，此处已退出。',
  'The server signed you out.': '服务器让你退出了登录。',
  'The server does not let you back in: {why}.': '服务器不允许重新连接：{why}。',
  'The server said: {text}': '服务器说明：{text}',
  'Fetching what was missed…': '正在获取错过的消息…',
  'Conversations': '会话',
  'No conversations yet': '还没有会话',
  'Write to somebody, or create a group.': '给某人写消息，或创建一个群组。',
  'New chat': '新会话',
  'Send a batch': '批量发送',
  'Person': '单聊',
  'Group': '群组',
  'Uid of the other person': '对方的 uid',
  'Group id': '群组 id',
  'Members besides you': '除你之外的成员',
  'Uids, separated by commas. A group that exists gets you and them as members.':
    '多个 uid 用逗号分隔。若群组已存在，你和他们会加入。',
  'Open the chat': '打开会话',
  'Create or join': '创建或加入',
  'Close': '关闭',
  'Back to the conversations': '返回会话列表',
  'Pick a conversation': '选择一个会话',
  'Open this page in a second window as somebody else, and write to each other.':
    '在另一个窗口以其他人的身份打开此页面，然后互相发送消息。',
  'online': '在线',
  'offline': '离线',
  '{count} members, {online} online': '{count} 位成员，{online} 位在线',
  '1 member': '1 位成员',
  '{count} members': '{count} 位成员',
  'group': '群组',
  'Members': '成员',
  'Members of {group}': '{group} 的成员',
  'you': '你',
  'You': '你',
  'Add members': '添加成员',
  'Add': '添加',
  'Leave the group': '退出群组',
  'Refusals': '拒绝发送',
  'A banned group refuses every message: a way to see a refusal, also in a batch.':
    '被封禁的群组会拒绝所有消息：可用来查看被拒绝的效果，批量发送时同样如此。',
  'Ban the group': '封禁群组',
  'Lift the ban': '解除封禁',
  '{group} is banned now.': '{group} 已被封禁。',
  'The ban of {group} is lifted.': '{group} 已解除封禁。',
  'You left {group}.': '你已退出 {group}。',
  'Earlier messages': '更早的消息',
  'Loading…': '加载中…',
  'This is the beginning.': '这是最开始。',
  'No messages yet. Say hello.': '还没有消息，打个招呼吧。',
  'New messages': '新消息',
  'Message': '消息',
  'Write a message': '写一条消息',
  'Send': '发送',
  'Enter sends, Shift+Enter begins a new line': '回车发送，Shift+回车换行',
  'sending': '发送中',
  'waiting for the connection': '等待连接',
  'sent': '已发送',
  'not sent: {why}': '未发送：{why}',
  'Send again': '重新发送',
  'not stored': '未存储',
  'message of type {type}': '类型为 {type} 的消息',
  'a payload that is no text': '内容不是文本',
  'an image': '图片',
  'an image that cannot be shown: {url}': '无法显示的图片：{url}',
  'system': '系统',
  '{count} unread': '{count} 条未读',
  'Today': '今天',
  'Yesterday': '昨天',
  'One request, POST /message/sendbatch, with a message for each group. Every item has its own result.':
    '一次请求 POST /message/sendbatch，为每个群组发送一条消息；每一项都有各自的结果。',
  'From': '发送者',
  'Groups': '群组',
  'Group ids, separated by commas or line breaks': '群组 id，用逗号或换行分隔',
  'Your groups': '你的群组',
  'Post to {count} groups': '发送到 {count} 个群组',
  'Post to 1 group': '发送到 1 个群组',
  'Post': '发送',
  'Posting…': '正在发送…',
  'Post the same again': '原样再发一次',
  'The same client_msg_no: what was stored is recognised, not stored twice.':
    '使用相同的 client_msg_no：已存储的会被识别，不会重复存储。',
  'Results': '结果',
  'the group has no members: nobody receives it': '该群没有成员：无人收到',
  '{stored} stored, {refused} not': '{stored} 条已存储，{refused} 条未存储',
  'All {stored} stored': '全部 {stored} 条已存储',
  'stored': '已存储',
  'stored before': '之前已存储',
  'refused': '已拒绝',
  'may be stored': '可能已存储',
  'malformed': '格式错误',
  'not tried': '未尝试',
  'message {id}, seq {seq}': '消息 {id}，序号 {seq}',
  'reason {reason}': '原因码 {reason}',
  'Post the same again to find out.': '原样再发一次即可确认。',
  'Nothing was sent, because an item is malformed.': '有一项格式错误，因此没有发送任何消息。',
  'Name at least one group.': '请至少填写一个群组。',
  'Write a message first.': '请先写一条消息。',
  'Language': '语言',
  'signed out': '已退出登录',
  'unknown': '未知',
  'the token is missing or wrong': '令牌缺失或错误',
  'the sender is no member of the channel': '发送者不是该频道的成员',
  'the sender is on the denylist': '发送者在黑名单中',
  'the channel does not exist': '频道不存在',
  'the payload cannot be read, or is too large': '内容无法读取或过大',
  'the sender may not write here': '发送者不允许在此发言',
  'signed in elsewhere': '已在别处登录',
  'the sender is not on the allowlist': '发送者不在白名单中',
  'an error of the server': '服务器错误',
  'the channel id is not valid': '频道 id 无效',
  'the channel or the user is banned': '频道或用户已被封禁',
  'too many at once': '过于频繁',
  'a channel of this type does not exist': '不支持此频道类型',
  'the channel was disbanded': '频道已解散',
  'sending is switched off here': '此处已禁止发送',
  'reason code {reason}': '原因码 {reason}',
} as const;

export type Sentence = keyof typeof kChinese;
export type Language = 'en' | 'zh';
export type Values = Record<string, string | number>;

const kStored = 'jindou.language';

function initial(): Language {
  const stored = localStorage.getItem(kStored);
  if (stored === 'en' || stored === 'zh') return stored;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

let current = initial();

export function language(): Language {
  return current;
}

// For Intl and the lang attribute.
export function locale(): string {
  return current === 'zh' ? 'zh-CN' : 'en-GB';
}

export function t(sentence: Sentence, values: Values = {}): string {
  const text = current === 'zh' ? kChinese[sentence] : sentence;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

// The language and how to change it; the component that uses it is drawn again, and what it shows.
export function useLanguage(): [Language, (next: Language) => void] {
  const [shown, show] = useState(current);
  return [shown, (next) => {
    current = next;
    localStorage.setItem(kStored, next);
    document.documentElement.lang = locale();
    show(next);
  }];
}
