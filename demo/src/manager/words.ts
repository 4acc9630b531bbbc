// Sentences of more than one view. The others stand in the files of their views.
import { translator } from '../language';

export const kCommon = {
  'Try again': '重试',
  'Loading…': '加载中…',
  'Cancel': '取消',
  'Search': '搜索',
  'Add': '添加',
  'Remove': '移除',
  'Delete': '删除',
  'Save': '保存',
  'yes': '是',
  'no': '否',
  'none': '无',
  'never': '从未',
  'online': '在线',
  'offline': '离线',
  'token': '令牌',
  'User': '用户',
  'Channel': '频道',
  'Type': '类型',
  'Channel id': '频道 id',
  'Channel type': '频道类型',
  'Time': '时间',
  'State': '状态',
  'Actions': '操作',
  'Device': '设备',
  'Overview': '概览',
  'Connections': '连接',
  'Users': '用户',
  'Channels': '频道',
  'Messages': '消息',
  'Batches and jobs': '批量与任务',
  'Webhooks': 'Webhook',
  'Backups': '备份',
  'Configuration': '配置',
  'Audit log': '审计日志',
  'Jindou manager': 'Jindou 管理台',
  'The server did not answer.': '服务器没有应答。',
  'Is it running, and is this port reachable? Try again when it is.':
    '服务器是否在运行、此端口是否可达？恢复后请重试。',
  'Sign in again.': '请重新登录。',
  'Your login may not do this. Whoever writes auth.users can give it the permission.':
    '当前登录没有此权限，可由维护 auth.users 的人授予。',
  'The server has too much to do. Try again in a moment.': '服务器繁忙，请稍后重试。',
  'Look at the health on the overview and at the log of the server.':
    '请查看概览中的健康状态和服务器日志。',
  'Correct what the sentence names, and try again.': '请按提示修正后重试。',
  'The state changed at {time}: {state}.': '状态已于 {time} 变为：{state}。',
  'This cannot be done any more.': '此操作已不能进行。',
  'You may look here and change nothing: for that the login needs the permission {permission}.':
    '你只能查看，不能修改：修改需要权限 {permission}。',
} as const;

export const t = translator(kCommon);
