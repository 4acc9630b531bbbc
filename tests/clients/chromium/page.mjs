// The page: one user of the unmodified npm client. driver.mjs gives it `emit` and `fetchMessages`
// and calls its commands.
import WKSDK from 'wukongimjssdk';
import * as model from 'wukongimjssdk/lib/model';

import { userOf } from '../npm/user.mjs';

window.commands = userOf(WKSDK, model, window.emit, window.fetchMessages);
